// Protobuf messages within messages, of a length that is known beforehand. Internal to this adapter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <protozero/pbf_writer.hpp>
#include <protozero/varint.hpp>

namespace tcpperf::adapters::exposition {

// Appends to `out`, which must outlive it. The fields of protozero's writer, and messages for which no byte is moved
// when they end: its own sub-writers with a size may not be followed by another field.
class MessageWriter : public protozero::pbf_writer {
 public:
  explicit MessageWriter(std::string& out) : protozero::pbf_writer(out), out_(out) {}

  // A message as a field. Its own fields, `bytes` of them, are written next, by the same writer.
  void begin_message(protozero::pbf_tag_type field, std::size_t bytes) {
    constexpr std::uint32_t kLengthDelimited = 2;
    protozero::add_varint_to_buffer(&out_, (field << 3U) | kLengthDelimited);
    protozero::add_varint_to_buffer(&out_, bytes);
  }

 private:
  std::string& out_;
};

}  // namespace tcpperf::adapters::exposition

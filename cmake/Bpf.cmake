# Compiling the BPF object and wrapping its bytes in a header.
find_program(BPF_CLANG NAMES clang clang-14 clang-19 REQUIRED)
find_program(BPF_STRIP NAMES llvm-strip llvm-strip-14 llvm-strip-19 REQUIRED)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
  set(BPF_ARCH x86)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64")
  set(BPF_ARCH arm64)
else()
  message(FATAL_ERROR "no BPF target known for ${CMAKE_SYSTEM_PROCESSOR}")
endif()

# tcpperf_bpf_object(name source): interface target `name`; #include "<stem>.skel.h" gives the embedded object.
function(tcpperf_bpf_object name source)
  get_filename_component(stem ${source} NAME_WE)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${stem}.bpf.o)
  set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/include/${stem}.skel.h)
  file(GLOB_RECURSE parts CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/include)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${BPF_CLANG} -O2 -g -target bpf -mcpu=v2 -D__TARGET_ARCH_${BPF_ARCH} -Wall -Wextra -Werror
            -Wno-unused-parameter -I${CMAKE_CURRENT_SOURCE_DIR} -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
    COMMAND ${BPF_STRIP} -g ${object}
    COMMAND ${BPFTOOL} gen skeleton ${object} name ${stem} > ${skeleton}
    DEPENDS ${parts}
    COMMENT "BPF object ${stem}"
    VERBATIM)
  add_custom_target(${name}_skeleton DEPENDS ${skeleton})
  add_library(${name} INTERFACE)
  add_dependencies(${name} ${name}_skeleton)
  target_include_directories(${name} SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR}/include)
endfunction()

# Compiling the BPF object and embedding its bytes.
find_program(BPF_CLANG NAMES clang clang-14 clang-19 REQUIRED)
find_program(BPF_STRIP NAMES llvm-strip llvm-strip-14 llvm-strip-19 REQUIRED)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
  set(BPF_ARCH x86)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64")
  set(BPF_ARCH arm64)
else()
  message(FATAL_ERROR "no BPF target known for ${CMAKE_SYSTEM_PROCESSOR}")
endif()

# tcpperf_bpf_object(name source [OPTIONS flag...]): static library `name` with the object's bytes between the symbols
# <name>_begin and <name>_end. Nothing but the bytes: programs, maps and constants are found in it by name when it is
# opened. OPTIONS are clang's, in place of those for new kernels.
function(tcpperf_bpf_object name source)
  cmake_parse_arguments(BPF "" "" "OPTIONS" ${ARGN})
  if(NOT BPF_OPTIONS)
    set(BPF_OPTIONS -mcpu=v3)
  endif()
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(embedding ${CMAKE_CURRENT_BINARY_DIR}/${name}.embedded.S)
  file(GLOB_RECURSE parts CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${BPF_CLANG} -O2 -g -target bpf ${BPF_OPTIONS} -D__TARGET_ARCH_${BPF_ARCH} -Wall -Wextra -Werror
            -Wno-unused-parameter -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
            -I${CMAKE_CURRENT_SOURCE_DIR} -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
    COMMAND ${BPF_STRIP} -g ${object}
    DEPENDS ${parts}
    COMMENT "BPF object ${name}"
    VERBATIM)
  file(CONFIGURE OUTPUT ${embedding} @ONLY CONTENT [[
.section .rodata
.balign 8
.globl @name@_begin, @name@_end
@name@_begin:
.incbin "@object@"
@name@_end:
.section .note.GNU-stack,"",%progbits
]])
  set_source_files_properties(${embedding} PROPERTIES OBJECT_DEPENDS ${object})
  add_library(${name} STATIC ${embedding})
endfunction()

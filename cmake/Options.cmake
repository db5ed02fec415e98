# Switches of the build, and the flags that every target of ours gets through tcpperf_options.
option(TCPPERF_BUILD_TESTS "Build the tests" ON)
option(TCPPERF_BUILD_FUZZERS "Build the libFuzzer targets (needs clang)" OFF)
set(TCPPERF_SANITIZE "" CACHE STRING "Sanitizers to build with: address,undefined or thread; empty for none")

add_library(tcpperf_options INTERFACE)
target_compile_options(tcpperf_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wunused-result -Werror)
if(TCPPERF_SANITIZE)
  target_compile_options(tcpperf_options INTERFACE -fsanitize=${TCPPERF_SANITIZE} -fno-sanitize-recover=all
                                                   -fno-omit-frame-pointer)
  # GCC 12 finds false ones inside <regex> when the sanitizers change what is inlined.
  target_compile_options(tcpperf_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(tcpperf_options INTERFACE -fsanitize=${TCPPERF_SANITIZE})
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

# A room of the house: one static library that may use exactly what its PUBLIC and PRIVATE lists name.
#   tcpperf_room(NAME name [PUBLIC lib...] [PRIVATE lib...])
function(tcpperf_room)
  cmake_parse_arguments(ROOM "" "NAME" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(sources)
    add_library(tcpperf_${ROOM_NAME} STATIC ${sources})
    target_link_libraries(tcpperf_${ROOM_NAME} PUBLIC ${ROOM_PUBLIC} PRIVATE tcpperf_options ${ROOM_PRIVATE})
    target_include_directories(tcpperf_${ROOM_NAME} PUBLIC ${PROJECT_SOURCE_DIR}/daemon)
  else()
    add_library(tcpperf_${ROOM_NAME} INTERFACE)
    target_link_libraries(tcpperf_${ROOM_NAME} INTERFACE ${ROOM_PUBLIC})
    target_include_directories(tcpperf_${ROOM_NAME} INTERFACE ${PROJECT_SOURCE_DIR}/daemon)
  endif()
endfunction()

target_link_libraries(http_fuzz PRIVATE tcpperf_adapter_http tcpperf_adapter_exposition ZLIB::ZLIB)
target_include_directories(http_fuzz PRIVATE ${PROJECT_SOURCE_DIR}/tests)

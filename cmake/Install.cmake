# Where `cmake --install` puts things. `./dev uninstall` names the same files; tests/tools/install_test.sh holds the two
# together.
if(NOT TARGET tcpperfd)
  return()
endif()

install(TARGETS tcpperfd RUNTIME DESTINATION sbin)
install(FILES packaging/systemd/tcpperf.sysusers DESTINATION lib/sysusers.d RENAME tcpperf.conf)
install(FILES packaging/systemd/tcpperf.catalog DESTINATION lib/systemd/catalog)
install(FILES packaging/systemd/tcpperf.socket DESTINATION lib/systemd/system)
install(FILES dashboards/grafana/tcpperf.json DESTINATION share/tcpperf/dashboards)
# As they came, to compare with what was made of them in /etc.
install(FILES config/tcpperf.yaml DESTINATION share/tcpperf)
install(DIRECTORY config/rules DESTINATION share/tcpperf FILES_MATCHING PATTERN "*.yaml")

# The rest depends on the prefix, which is known only when installing: the unit names the installed paths, and an
# existing configuration is never touched.
install(CODE "set(source \"${PROJECT_SOURCE_DIR}\")")
install(
  CODE [=[
    if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
      set(etc /etc)
    else()
      set(etc "${CMAKE_INSTALL_PREFIX}/etc")
    endif()

    file(READ "${source}/packaging/systemd/tcpperf.service" unit)
    string(REPLACE "/usr/sbin/" "${CMAKE_INSTALL_PREFIX}/sbin/" unit "${unit}")
    string(REPLACE "/etc/tcpperf/" "${etc}/tcpperf/" unit "${unit}")
    string(REPLACE "/etc/default/" "${etc}/default/" unit "${unit}")
    set(unit_file "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib/systemd/system/tcpperf.service")
    message(STATUS "Installing: ${unit_file}")
    file(WRITE "${unit_file}" "${unit}")
    file(CHMOD "${unit_file}" PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)

    # file(INSTALL) puts $DESTDIR in front by itself.
    function(install_once file destination name)
      if(EXISTS "$ENV{DESTDIR}${destination}/${name}")
        message(STATUS "Keeping: $ENV{DESTDIR}${destination}/${name}")
      else()
        file(INSTALL "${file}" DESTINATION "${destination}" RENAME "${name}")
      endif()
    endfunction()
    install_once("${source}/config/tcpperf.yaml" "${etc}/tcpperf" tcpperf.yaml)
    install_once("${source}/packaging/systemd/tcpperf.default" "${etc}/default" tcpperf)
    file(GLOB rule_files "${source}/config/rules/*.yaml")
    foreach(rule_file ${rule_files})
      get_filename_component(name "${rule_file}" NAME)
      install_once("${rule_file}" "${etc}/tcpperf/rules" "${name}")
    endforeach()
  ]=])

# What the daemon says of itself.
install(CODE "set(daemon \"$<TARGET_FILE:tcpperfd>\")")
install(
  CODE [=[
    function(install_printed option file)
      set(path "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/share/${file}")
      message(STATUS "Installing: ${path}")
      execute_process(COMMAND "${daemon}" "${option}" OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
      file(WRITE "${path}" "${text}")
      file(CHMOD "${path}" PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
    endfunction()
    install_printed(--docs.manual=8 man/man8/tcpperfd.8)
    install_printed(--docs.manual=5 man/man5/tcpperf.yaml.5)
    install_printed(--docs.completion=bash bash-completion/completions/tcpperfd)
    install_printed(--docs.completion=zsh zsh/vendor-completions/_tcpperfd)
  ]=])

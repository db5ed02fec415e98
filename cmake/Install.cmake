# Where `cmake --install` puts things. `./dev uninstall` names the same files; tests/tools/install_test.sh holds the two
# together.
if(NOT TARGET tcpperfd)
  return()
endif()

install(TARGETS tcpperfd RUNTIME DESTINATION sbin)
install(FILES packaging/systemd/tcpperf.sysusers DESTINATION lib/sysusers.d RENAME tcpperf.conf)
install(FILES packaging/systemd/tcpperf.socket DESTINATION lib/systemd/system)
install(FILES dashboards/grafana/tcpperf.json DESTINATION share/tcpperf/dashboards)

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
    set(unit_file "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib/systemd/system/tcpperf.service")
    message(STATUS "Installing: ${unit_file}")
    file(WRITE "${unit_file}" "${unit}")
    file(CHMOD "${unit_file}" PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)

    set(config_file "$ENV{DESTDIR}${etc}/tcpperf/tcpperf.yaml")
    if(EXISTS "${config_file}")
      message(STATUS "Keeping: ${config_file}")
    else()
      # file(INSTALL) puts $DESTDIR in front by itself.
      file(INSTALL "${source}/config/tcpperf.yaml" DESTINATION "${etc}/tcpperf")
    endif()
    file(GLOB rule_files "${source}/config/rules/*.yaml")
    foreach(rule_file ${rule_files})
      get_filename_component(name "${rule_file}" NAME)
      if(EXISTS "$ENV{DESTDIR}${etc}/tcpperf/rules/${name}")
        message(STATUS "Keeping: $ENV{DESTDIR}${etc}/tcpperf/rules/${name}")
      else()
        file(INSTALL "${rule_file}" DESTINATION "${etc}/tcpperf/rules")
      endif()
    endforeach()
  ]=])

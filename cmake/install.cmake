# What `cmake --install` puts where: libraries, headers, pkg-config file and
# the CMake package.
if(TARGET sluice_static)
  install(TARGETS sluice_static sluice_shared EXPORT sluice
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY include/sluice DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT sluice NAMESPACE sluice:: FILE sluice-targets.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
  configure_package_config_file(cmake/sluice-config.cmake.in
    ${CMAKE_BINARY_DIR}/sluice-config.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
  write_basic_package_version_file(
    ${CMAKE_BINARY_DIR}/sluice-config-version.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/sluice-config.cmake
    ${CMAKE_BINARY_DIR}/sluice-config-version.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
  # Relative, so that `cmake --install --prefix` may put it anywhere.
  file(RELATIVE_PATH SLUICE_PC_TO_PREFIX
    ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
  configure_file(cmake/sluice.pc.in ${CMAKE_BINARY_DIR}/sluice.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/sluice.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()

# Installs the library, its headers, a pkg-config file and a CMake package.
#
# Names of the distribution's libraries are enough for both: a static libpt2gpu.a names them in Libs.private and, for
# CMake, finds them again through pkg-config.

include(CMakePackageConfigHelpers)

install(TARGETS pt2gpu EXPORT pt2gpu-targets)
install(FILES core/pt2gpu.h core/pt2gpu_custom.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(PT2_REQUIRES "libzip libcjson ${PT2_SHADERC_PC_REQUIRES}")
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
    OUTPUT_VARIABLE PT2_PC_TO_PREFIX) # so that an installation can be moved
configure_file(cmake/pt2gpu.pc.in pt2gpu.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/pt2gpu.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pt2gpu)
configure_package_config_file(cmake/pt2gpu-config.cmake.in pt2gpu-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(pt2gpu-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/pt2gpu-config.cmake ${PROJECT_BINARY_DIR}/pt2gpu-config-version.cmake
    DESTINATION ${package_dir})
install(EXPORT pt2gpu-targets NAMESPACE pt2gpu:: DESTINATION ${package_dir})

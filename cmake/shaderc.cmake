# Finds shaderc: PT2_SHADERC_LINK is what to link, PT2_SHADERC_PC_REQUIRES and PT2_SHADERC_PC_LIBS say it in a
# pkg-config file.
#
# Debian 12's libshaderc.so lacks the libraries it is made of (undefined symbols of glslang and SPIRV-Tools), as does its
# libshaderc_combined.a; there, the static archives are linked one by one.

include(CheckCSourceCompiles)

pkg_check_modules(PT2_SHADERC REQUIRED IMPORTED_TARGET shaderc)
set(CMAKE_REQUIRED_LIBRARIES PkgConfig::PT2_SHADERC)
check_c_source_compiles("#include <shaderc/shaderc.h>
    int main(void) { return shaderc_compiler_initialize() == 0; }" PT2_SHADERC_LINKS)
unset(CMAKE_REQUIRED_LIBRARIES)

if(PT2_SHADERC_LINKS)
    set(PT2_SHADERC_LINK PkgConfig::PT2_SHADERC)
    set(PT2_SHADERC_PC_REQUIRES shaderc)
else()
    set(PT2_SHADERC_LINK "")
    # In the order of their dependencies. Later releases of glslang do without some.
    foreach(name shaderc_combined glslang MachineIndependent GenericCodeGen OSDependent OGLCompiler HLSL SPIRV
            SPIRV-Tools-opt SPIRV-Tools)
        find_library(PT2_LIB_${name} NAMES lib${name}.a)
        mark_as_advanced(PT2_LIB_${name})
        if(PT2_LIB_${name})
            list(APPEND PT2_SHADERC_LINK ${name})
            string(APPEND PT2_SHADERC_PC_LIBS " -l${name}")
        endif()
    endforeach()
    list(APPEND PT2_SHADERC_LINK stdc++)
    string(APPEND PT2_SHADERC_PC_LIBS " -lstdc++")
endif()

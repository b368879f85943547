# Embeds text files as C arrays: shaders/prelude.glsl becomes `const char pt2_shader_prelude_glsl[]`, NUL-terminated.
#
# Included, it defines pt2_embed(); run as a script (cmake -DIN=file -DOUT=file.c -P embed.cmake) it writes one C file.

function(pt2_embed_write in out)
    get_filename_component(name ${in} NAME)
    string(REGEX REPLACE "[^A-Za-z0-9]" "_" symbol ${name})
    file(READ ${in} bytes HEX)
    string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
    string(REPEAT "'.....," 16 row)
    string(REGEX REPLACE "(${row})" "\\1\n    " bytes "${bytes}")
    file(WRITE ${out} "/* Made from ${name} by cmake/embed.cmake. */\n"
        "extern const char pt2_shader_${symbol}[];\n"
        "const char pt2_shader_${symbol}[] = {\n    ${bytes}0\n};\n")
endfunction()

# pt2_embed(VARIABLE file...): VARIABLE is the list of C sources that are made from the files.
function(pt2_embed variable)
    set(sources)
    foreach(in IN LISTS ARGN)
        get_filename_component(name ${in} NAME)
        set(out ${CMAKE_CURRENT_BINARY_DIR}/embed/${name}.c)
        add_custom_command(OUTPUT ${out}
            COMMAND ${CMAKE_COMMAND} -DIN=${in} -DOUT=${out} -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
            DEPENDS ${in} ${CMAKE_CURRENT_FUNCTION_LIST_FILE} VERBATIM COMMENT "Embedding ${name}")
        list(APPEND sources ${out})
    endforeach()
    set(${variable} ${sources} PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE AND DEFINED IN)
    pt2_embed_write(${IN} ${OUT})
endif()

# ovsdb_schema(TARGET NAME): from NAME.ovsschema, NAME.ann and NAME.xml in this folder makes the static library TARGET (the
# OVSDB IDL, header NAME-idl.h) and the manual page ovs-NAME.db(5), with the generators of Open vSwitch.
function(ovsdb_schema target name)
  set(_python ${CMAKE_COMMAND} -E env PYTHONPATH=${OVS_SRC}/python PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3)
  set(_dir ${CMAKE_CURRENT_SOURCE_DIR})
  set(_out ${CMAKE_CURRENT_BINARY_DIR})
  set(_idlc ${OVS_SRC}/ovsdb/ovsdb-idlc.in)
  add_custom_command(OUTPUT ${_out}/${name}-idl.c ${_out}/${name}-idl.h
    COMMAND ${_python} ${_idlc} annotate ${_dir}/${name}.ovsschema ${_dir}/${name}.ann > ${_out}/${name}-idl.ovsidl
    COMMAND ${_python} ${_idlc} c-idl-source ${_out}/${name}-idl.ovsidl > ${_out}/${name}-idl.c
    COMMAND ${_python} ${_idlc} c-idl-header ${_out}/${name}-idl.ovsidl > ${_out}/${name}-idl.h
    DEPENDS ${_dir}/${name}.ovsschema ${_dir}/${name}.ann VERBATIM)
  add_library(${target} STATIC ${_out}/${name}-idl.c ${_out}/${name}-idl.h)
  target_compile_options(${target} PRIVATE -Wno-unused-parameter -Wno-sign-compare)
  target_include_directories(${target} PUBLIC ${_out})
  target_link_libraries(${target} PUBLIC OpenvSwitch::openvswitch)

  set(_man ${_out}/ovs-${name}.db.5)
  add_custom_command(OUTPUT ${_man}
    COMMAND ${_python} ${OVS_SRC}/ovsdb/ovsdb-doc --version=${PROJECT_VERSION}
            ${_dir}/${name}.ovsschema ${_dir}/${name}.xml > ${_man}
    DEPENDS ${_dir}/${name}.ovsschema ${_dir}/${name}.xml VERBATIM)
  add_custom_target(${target}-man ALL DEPENDS ${_man})
  install(FILES ${_man} DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
  install(FILES ${_dir}/${name}.ovsschema DESTINATION ${CMAKE_INSTALL_DATADIR}/ovs-hitless)
endfunction()

# bpf_skeleton(TARGET SOURCE): compiles SOURCE (NAME.bpf.c) with clang for the BPF machine and makes the interface library
# TARGET, whose users may include the libbpf skeleton NAME.skel.h. Headers beside SOURCE may be included by it.
find_program(BPF_CLANG NAMES clang clang-14 REQUIRED)
find_program(BPFTOOL bpftool PATHS /usr/sbin /sbin REQUIRED)

function(bpf_skeleton target source)
  get_filename_component(_name ${source} NAME)
  string(REGEX REPLACE "\\.bpf\\.c$" "" _name ${_name})
  get_filename_component(_source ${source} ABSOLUTE)
  get_filename_component(_source_dir ${_source} DIRECTORY)
  set(_dir ${CMAKE_CURRENT_BINARY_DIR}/bpf)
  set(_object ${_dir}/${_name}.bpf.o)
  set(_skeleton ${_dir}/${_name}.skel.h)
  file(MAKE_DIRECTORY ${_dir})
  add_custom_command(OUTPUT ${_object}
    COMMAND ${BPF_CLANG} -target bpf -g -O2 -Wall -Wextra -Werror -ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -I${_source_dir}
            -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
            -MD -MF ${_object}.d -MT ${_object} -c ${_source} -o ${_object}
    DEPENDS ${_source} DEPFILE ${_object}.d VERBATIM)
  add_custom_command(OUTPUT ${_skeleton}
    COMMAND sh -c "${BPFTOOL} gen skeleton ${_object} name ${_name}_bpf > ${_skeleton}"
    DEPENDS ${_object} VERBATIM)
  add_custom_target(${target}-skeleton DEPENDS ${_skeleton})
  add_library(${target} INTERFACE)
  add_dependencies(${target} ${target}-skeleton)
  target_include_directories(${target} SYSTEM INTERFACE ${_dir})
  target_link_libraries(${target} INTERFACE PkgConfig::LIBBPF)
endfunction()

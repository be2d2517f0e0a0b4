# Provides the target OpenvSwitch::openvswitch: the static libopenvswitch, with its private headers, built from the source
# tarball that Debian's package openvswitch-source installs. The build is kept outside the tree, in a folder named by the hash
# of all that goes into it, so that every checkout and build tree of a machine shares it.
#
# Sets OVS_SRC (the unpacked source: generators, autotest macros) and OVS_BLD (its build tree).

set(OVS_SOURCE_TARBALL /usr/src/openvswitch/openvswitch.tar.gz CACHE FILEPATH
    "Source of Open vSwitch (Debian package openvswitch-source)")
if(DEFINED ENV{XDG_CACHE_HOME})
  set(_ovs_cache $ENV{XDG_CACHE_HOME}/ovs-hitless)
elseif(DEFINED ENV{HOME})
  set(_ovs_cache $ENV{HOME}/.cache/ovs-hitless)
else()
  set(_ovs_cache ${CMAKE_BINARY_DIR}/cache)
endif()
set(OVS_CACHE_DIR ${_ovs_cache} CACHE PATH "Where builds of libopenvswitch are kept")

find_package(OpenSSL REQUIRED)
find_package(Threads REQUIRED)
find_library(CAPNG_LIBRARY cap-ng REQUIRED)

# Optional features are decided here, not by configure's probing, so that the link line is known.
set(_ovs_configure --disable-shared --enable-static --with-pic --enable-ssl --enable-libcapng --disable-afxdp
    ac_cv_lib_unbound_ub_ctx_create=no
    --prefix=/usr --sysconfdir=/etc --localstatedir=/var SPHINXBUILD=none PYTHON3=/usr/bin/python3)
set(OVS_CFLAGS "-g -O2" CACHE STRING "Flags of the C compiler for libopenvswitch")
set(OVS_FILE_PREFIX "" CACHE STRING "What stands for the folder of libopenvswitch's build in programs and debugging information")

if(NOT EXISTS ${OVS_SOURCE_TARBALL})
  message(FATAL_ERROR "${OVS_SOURCE_TARBALL}: not found: install the package openvswitch-source, "
                      "or set OVS_SOURCE_TARBALL")
endif()
file(SHA256 ${OVS_SOURCE_TARBALL} _ovs_hash)
file(SHA256 ${CMAKE_CURRENT_LIST_DIR}/build-openvswitch _ovs_script_hash)
string(SHA256 _ovs_hash "${_ovs_hash} ${_ovs_script_hash} ${_ovs_configure} ${OVS_CFLAGS} ${CMAKE_C_COMPILER} \
${CMAKE_C_COMPILER_VERSION}${OVS_FILE_PREFIX}")
string(SUBSTRING ${_ovs_hash} 0 16 _ovs_hash)
set(_ovs_dir ${OVS_CACHE_DIR}/openvswitch-${_ovs_hash})
set(_ovs_prefix_map)
if(OVS_FILE_PREFIX)
  set(_ovs_prefix_map -ffile-prefix-map=${_ovs_dir}=${OVS_FILE_PREFIX})
endif()
if(NOT EXISTS ${_ovs_dir}/complete)
  message(STATUS "Building libopenvswitch in ${_ovs_dir} (once; a minute or two)")
endif()
execute_process(
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/build-openvswitch ${OVS_SOURCE_TARBALL} ${_ovs_dir} ${CMAKE_C_COMPILER}
          "${OVS_CFLAGS} ${_ovs_prefix_map}" ${_ovs_configure}
  RESULT_VARIABLE _ovs_result OUTPUT_VARIABLE _ovs_output ERROR_VARIABLE _ovs_output)
if(NOT _ovs_result EQUAL 0)
  message(FATAL_ERROR "libopenvswitch cannot be built in ${_ovs_dir}:\n${_ovs_output}")
endif()
set(OVS_SRC ${_ovs_dir}/tree)
set(OVS_BLD ${_ovs_dir}/build)

add_library(ovs_openvswitch INTERFACE)
target_compile_definitions(ovs_openvswitch INTERFACE HAVE_CONFIG_H)
target_include_directories(ovs_openvswitch SYSTEM INTERFACE ${OVS_BLD} ${OVS_SRC}/include ${OVS_BLD}/include)
# lib/ has string.h, util.h, hash.h, timer.h...: only for quoted includes.
target_compile_options(ovs_openvswitch INTERFACE "SHELL:-iquote ${OVS_SRC}/lib" "SHELL:-iquote ${OVS_BLD}/lib" ${_ovs_prefix_map})
set(_ovs_archives ${OVS_BLD}/lib/.libs/libopenvswitch.a)
if(EXISTS ${OVS_BLD}/lib/.libs/libopenvswitchavx512.a)   # x86_64 only
  list(APPEND _ovs_archives ${OVS_BLD}/lib/.libs/libopenvswitchavx512.a)
endif()
target_link_libraries(ovs_openvswitch INTERFACE -Wl,--start-group ${_ovs_archives} -Wl,--end-group
  OpenSSL::SSL OpenSSL::Crypto ${CAPNG_LIBRARY} Threads::Threads m rt atomic)
add_library(OpenvSwitch::openvswitch ALIAS ovs_openvswitch)

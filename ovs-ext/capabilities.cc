#include "capabilities.h"

#include <cap-ng.h>

namespace hitless {
namespace {

// CAP_BPF and CAP_PERFMON came with Linux 5.8, whose numbers an older kernel does not know; there CAP_SYS_ADMIN is enough.
constexpr unsigned needed[] = {
    CAP_NET_ADMIN,      // legs, taps, programs on devices, receive buffers beyond the limit
    CAP_NET_RAW,        // promiscuous mode by packet sockets
    CAP_SYS_ADMIN,      // network namespaces, mounting the file system for pins, the gate on the root cgroup
    CAP_BPF,            // programs and maps
    CAP_PERFMON,        // what the programs do with pointers to packets
    CAP_SYS_PTRACE,     // the sockets of the switches (pidfd_getfd), their executable and environment
    CAP_SYS_RESOURCE,   // locked memory for maps, before Linux 5.11
    CAP_SYS_NICE,       // the switches have the niceness and the CPUs that the operator's had
    CAP_KILL,           // switches that run as another user
    CAP_DAC_OVERRIDE,   // files and sockets of such a user
    CAP_CHOWN,          // replaced software has the owner
    CAP_FOWNER,         // and the mode of what it replaces
};

}  // namespace

Status keep_needed_capabilities() {
    if (capng_get_caps_process()) {
        return make_error("capabilities: cannot be read");
    }
    bool had[std::size(needed)];
    for (size_t i = 0; i < std::size(needed); i++) {
        had[i] = capng_have_capability(CAPNG_PERMITTED, needed[i]) != 0;
    }
    capng_clear(CAPNG_SELECT_CAPS);
    for (size_t i = 0; i < std::size(needed); i++) {
        if (had[i] && capng_update(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED), needed[i])) {
            return make_error("capabilities: number {} is not known to this system", needed[i]);
        }
    }
    if (int error = capng_apply(CAPNG_SELECT_CAPS)) {
        return make_error("capabilities: cannot be given up (libcap-ng error {})", error);
    }
    return {};
}

}  // namespace hitless

#include "control/network_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>

#include <thread>

#include "base/fd.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71   // Linux 5.14; not in the C library of Debian 12
#endif

namespace hitless::control {

Status enter(const NetworkNamespace& where) {
    if (!where) {
        return {};
    }
    Fd fd(::open(where->c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd || ::setns(fd.get(), CLONE_NEWNET)) {
        return make_errno_error(errno, "network namespace {}: cannot enter", *where);
    }
    return {};
}

Status run_inside(const NetworkNamespace& where, const std::function<Status()>& function) {
    if (!where) {
        return function();
    }
    Status status;
    std::thread([&] {
        status = enter(where);
        if (status) {
            status = function();
        }
    }).join();
    return status;
}

Result<uint64_t> netns_cookie(const NetworkNamespace& where) {
    uint64_t cookie = 0;
    TRY(run_inside(where, [&]() -> Status {
        Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        socklen_t size = sizeof cookie;
        if (!fd || ::getsockopt(fd.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size)) {
            return make_errno_error(errno, "network namespace {}: no cookie (needs Linux 5.14)",
                                    where.value_or("of the daemon"));
        }
        return {};
    }));
    return cookie;
}

}  // namespace hitless::control

#include "probe/sockets.h"

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>

namespace hitless::probe {

Status in_namespace(const std::string& path, const std::function<Status()>& action) {
    if (path.empty()) {
        return action();
    }
    const Fd own(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    const Fd other(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!own || !other) {
        return make_errno_error(errno, "network namespace {}: cannot open", path);
    }
    if (::setns(other.get(), CLONE_NEWNET) != 0) {
        return make_errno_error(errno, "network namespace {}: cannot enter", path);
    }
    Status status = action();
    if (::setns(own.get(), CLONE_NEWNET) != 0) {
        std::abort();   // everything after it would happen in the wrong namespace
    }
    return status;
}

namespace {

Status set_buffer(int fd, int forced, int limited, int bytes) {
    if (::setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0 &&
        ::setsockopt(fd, SOL_SOCKET, limited, &bytes, sizeof bytes) != 0) {
        return make_errno_error(errno, "cannot set a buffer of {} bytes", bytes);
    }
    return {};
}

Status configure(int fd, const SocketOptions& options) {
    const int one = 1;
    if (options.buffer_bytes > 0) {
        TRY(set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, options.buffer_bytes));
        TRY(set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, options.buffer_bytes));
    }
    if (options.receive_time_stamps && ::setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one) != 0) {
        return make_errno_error(errno, "cannot enable receive time stamps");
    }
    if (options.type == SOCK_STREAM && ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0) {
        return make_errno_error(errno, "cannot set SO_REUSEADDR");
    }
    return {};
}

}  // namespace

Result<Fd> bound_socket(const std::string& path, const Address& local, const SocketOptions& options) {
    Fd fd;
    const Status status = in_namespace(path, [&]() -> Status {
        fd.reset(::socket(local.family(), options.type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (!fd) {
            return make_errno_error(errno, "cannot make a socket");
        }
        TRY(configure(fd.get(), options));
        if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&local.storage), local.length) != 0) {
            return make_errno_error(errno, "cannot bind");
        }
        return {};
    });
    if (!status.ok()) {
        return fmt::format("{} in {}", local.to_string(), path.empty() ? "this network namespace" : path) /
               status.error();
    }
    return fd;
}

Result<uint64_t> receive_drops(int socket) {
    std::array<uint32_t, SK_MEMINFO_VARS> values{};
    socklen_t length = sizeof values;
    if (::getsockopt(socket, SOL_SOCKET, SO_MEMINFO, values.data(), &length) != 0) {
        return make_errno_error(errno, "cannot read SO_MEMINFO");
    }
    return values[SK_MEMINFO_DROPS];
}

}  // namespace hitless::probe

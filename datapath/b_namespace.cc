#include "datapath/b_namespace.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "datapath/host_settings.h"

namespace hitless::datapath {

namespace {

Status prepare_new_namespace() {
    for (const char* conf : {"all", "default", "lo"}) {
        auto disabled = exchange_setting(fmt::format("/proc/sys/net/ipv6/conf/{}/disable_ipv6", conf), "1");
        if (!disabled.ok() && ::access("/proc/sys/net/ipv6", F_OK) == 0) {
            return disabled.error();
        }
    }
    Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request = {};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (!socket || ::ioctl(socket.get(), SIOCSIFFLAGS, &request)) {
        return make_errno_error(errno, "lo: cannot be set up");
    }
    return {};
}

}  // namespace

Result<Fd> open_namespace(const std::string& path) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
        return make_errno_error(errno, "network namespace {}", path);
    }
    return fd;
}

Status enter_namespace(int fd) {
    if (::setns(fd, CLONE_NEWNET)) {
        return make_errno_error(errno, "cannot enter network namespace");
    }
    return {};
}

Result<NamedNamespace> NamedNamespace::create(const std::string& path) {
    Fd file(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0));
    if (!file) {
        return make_errno_error(errno, "network namespace {}", path);
    }
    Status status;
    std::thread([&] {
        if (::unshare(CLONE_NEWNET)) {
            status = make_errno_error(errno, "network namespace {}: cannot be made", path);
        } else if (status = prepare_new_namespace(); !status.ok()) {
            status = ("network namespace " + path) / status.error();
        } else if (::mount("/proc/thread-self/ns/net", path.c_str(), "none", MS_BIND, nullptr)) {
            status = make_errno_error(errno, "network namespace {}: cannot be bound to its path", path);
        }
    }).join();
    if (!status.ok()) {
        ::unlink(path.c_str());
        return status.error();
    }
    return NamedNamespace(path);
}

Result<NamedNamespace> NamedNamespace::adopt(const std::string& path) {
    TRY(open_namespace(path));
    return NamedNamespace(path);
}

NamedNamespace::~NamedNamespace() {
    if (!path_.empty()) {
        static_cast<void>(remove_named_namespace(path_).ok());
    }
}

Status remove_named_namespace(const std::string& path) {
    // EINVAL: the file is there but nothing is mounted on it (its maker died between the two).
    if (::umount2(path.c_str(), MNT_DETACH) && errno != EINVAL && errno != ENOENT) {
        return make_errno_error(errno, "network namespace {}: cannot be unmounted", path);
    }
    if (::unlink(path.c_str()) && errno != ENOENT) {
        return make_errno_error(errno, "network namespace {}: cannot be removed", path);
    }
    return {};
}

}  // namespace hitless::datapath

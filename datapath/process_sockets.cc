#include "datapath/process_sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include "datapath/notice_filter.h"

namespace hitless::datapath {

namespace {

using Clock = std::chrono::steady_clock;

// The tap that every userspace datapath has besides its bridges' own; it is never a port.
constexpr const char* datapath_tap = "ovs-netdev";

struct RemoteFile {
    int number;             // in the process
    std::string target;     // what /proc/PID/fd/NUMBER points to
};

Result<std::vector<RemoteFile>> files_of(pid_t pid) {
    std::string directory = fmt::format("/proc/{}/fd", pid);
    std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(directory.c_str()), ::closedir);
    if (!entries) {
        return make_errno_error(errno, "process {}: open files", pid);
    }
    std::vector<RemoteFile> files;
    while (dirent* entry = ::readdir(entries.get())) {
        char target[256];
        ssize_t n = ::readlinkat(::dirfd(entries.get()), entry->d_name, target, sizeof target);
        if (n > 0) {
            files.push_back({std::atoi(entry->d_name), std::string(target, static_cast<size_t>(n))});
        }
    }
    return files;
}

Result<Fd> open_process(pid_t pid) {
    Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!fd) {
        return make_errno_error(errno, "process {}", pid);
    }
    return fd;
}

// None where the process has closed it meanwhile. EPERM is an Error: all of them will fail.
Result<Fd> duplicate(int pidfd, int number, pid_t pid) {
    Fd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, number, 0)));
    if (!fd && errno != EBADF) {
        return make_errno_error(errno, "process {}: cannot take its file {}", pid, number);
    }
    return fd;
}

int socket_option(int fd, int option) {
    int value = -1;
    socklen_t size = sizeof value;
    ::getsockopt(fd, SOL_SOCKET, option, &value, &size);
    return value;
}

// The device from which the packet socket 'fd' receives, in its own network namespace. None: no packet socket, or one that OVS has
// bound to no device, for sending.
std::optional<std::string> packets_of(int fd) {
    sockaddr_ll address = {};
    socklen_t size = sizeof address;
    if (socket_option(fd, SO_DOMAIN) != AF_PACKET || ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) ||
        address.sll_ifindex <= 0) {
        return std::nullopt;
    }
    ifreq request = {};
    request.ifr_ifindex = address.sll_ifindex;
    // A device that has gone has no name any more.
    return ::ioctl(fd, SIOCGIFNAME, &request) ? "" : request.ifr_name;
}

// A netlink socket that gets notices of network devices.
bool hears_of_devices(int fd) {
    sockaddr_nl address = {};
    socklen_t size = sizeof address;
    return socket_option(fd, SO_DOMAIN) == AF_NETLINK && socket_option(fd, SO_PROTOCOL) == NETLINK_ROUTE &&
           ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0 && (address.nl_groups & RTMGRP_LINK);
}

bool is_port_tap(int fd) {
    ifreq request = {};
    return ::ioctl(fd, TUNGETIFF, &request) == 0 && (request.ifr_flags & IFF_TAP) &&
           std::strcmp(request.ifr_name, datapath_tap) != 0;
}

uint32_t memory_info(int fd, int which) {
    uint32_t info[SK_MEMINFO_VARS] = {};
    socklen_t size = sizeof info;
    ::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size);
    return info[which];
}

bool is_empty_socket(int fd) { return memory_info(fd, SK_MEMINFO_RMEM_ALLOC) == 0; }

bool is_empty_tap(int fd) {
    pollfd request = {fd, POLLIN, 0};
    return ::poll(&request, 1, 0) == 0 || !(request.revents & POLLIN);
}

// What is read last in a turn of the main loop is to be seen before that turn comes to its end, for else another one is waited for: for as
// long as a few turns take, there is no sleep between two looks.
constexpr auto kLookAllTheTime = std::chrono::milliseconds(3);

constexpr auto kFitLimit = std::chrono::milliseconds(200);

void wait_to_look_again(Clock::time_point since) {
    if (Clock::now() < since + kLookAllTheTime) {
        std::this_thread::yield();
    } else {
        std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
}

Status set_receive_buffer(int fd, int bytes) {
    int half = bytes / 2;   // the kernel doubles what it is given, and reports that
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &half, sizeof half)) {
        return make_errno_error(errno, "packet socket: receive buffer of {} bytes", bytes);
    }
    return {};
}

in6_addr mapped(const in_addr& address) {
    in6_addr result = {};
    result.s6_addr[10] = result.s6_addr[11] = 0xff;
    std::memcpy(result.s6_addr + 12, &address, sizeof address);
    return result;
}

bool connected_to(int fd, std::span<const SocketAddress> addresses) {
    sockaddr_storage peer = {};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size)) {
        return false;
    }
    in6_addr ip;
    uint16_t port;
    if (peer.ss_family == AF_INET) {
        auto& in = reinterpret_cast<sockaddr_in&>(peer);
        ip = mapped(in.sin_addr);
        port = ntohs(in.sin_port);
    } else {
        auto& in = reinterpret_cast<sockaddr_in6&>(peer);
        ip = in.sin6_addr;
        port = ntohs(in.sin6_port);
    }
    return std::any_of(addresses.begin(), addresses.end(), [&](const SocketAddress& address) {
        in_addr v4;
        in6_addr v6;
        if (::inet_pton(AF_INET, address.ip.c_str(), &v4) == 1) {
            v6 = mapped(v4);
        } else if (::inet_pton(AF_INET6, address.ip.c_str(), &v6) != 1) {
            return false;
        }
        return address.port == port && std::memcmp(&v6, &ip, sizeof ip) == 0;
    });
}

// An accepted Unix socket has its listener's path.
bool accepted_management(int fd) {
    sockaddr_un address = {};
    socklen_t size = sizeof address;
    if (socket_option(fd, SO_ACCEPTCONN) != 0 || ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) ||
        size <= offsetof(sockaddr_un, sun_path)) {
        return false;
    }
    size_t length = ::strnlen(address.sun_path, size - offsetof(sockaddr_un, sun_path));
    std::string_view path(address.sun_path, length);
    if (!path.ends_with(".mgmt") && !path.ends_with(".snoop")) {
        return false;
    }
    // Our own sessions are those by which its state is copied.
    ucred peer = {};
    size = sizeof peer;
    return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) || peer.pid != ::getpid();
}

}  // namespace

Result<ProcessSockets> ProcessSockets::open(pid_t pid) {
    Fd pidfd = TRY(open_process(pid));
    ProcessSockets sockets;
    for (const RemoteFile& file : TRY(files_of(pid))) {
        bool socket = file.target.starts_with("socket:");
        if (!socket && file.target != "/dev/net/tun") {
            continue;
        }
        Fd fd = TRY(duplicate(pidfd.get(), file.number, pid));
        auto device = fd && socket ? packets_of(fd.get()) : std::nullopt;
        if (device) {
            sockets.packet_.push_back({std::move(fd), *device});
        } else if (fd && socket && hears_of_devices(fd.get())) {
            sockets.notices_.push_back(std::move(fd));
        } else if (fd && !socket && is_port_tap(fd.get())) {
            sockets.tap_.push_back(std::move(fd));
        }
    }
    return sockets;
}

Status ProcessSockets::enlarge_receive_buffers(int bytes) {
    for (const auto& [fd, device] : packet_) {
        if (socket_option(fd.get(), SO_RCVBUF) < bytes) {
            TRY(set_receive_buffer(fd.get(), bytes));
        }
    }
    return {};
}

int ProcessSockets::receive_buffer_bytes() const {
    int most = 0;
    for (const auto& [fd, device] : packet_) {
        most = std::max(most, socket_option(fd.get(), SO_RCVBUF));
    }
    return most;
}

Status ProcessSockets::reduce_receive_buffers(int bytes) {
    const auto deadline = Clock::now() + kFitLimit;
    for (const auto& [fd, device] : packet_) {
        if (socket_option(fd.get(), SO_RCVBUF) <= bytes) {
            continue;
        }
        // What comes to a buffer that has more in it than it may have is lost.
        while (memory_info(fd.get(), SK_MEMINFO_RMEM_ALLOC) > static_cast<uint32_t>(bytes) / 2 && Clock::now() < deadline) {
            std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
        TRY(set_receive_buffer(fd.get(), bytes));
    }
    return {};
}

Status ProcessSockets::hide_devices(const std::string& prefix) {
    auto instructions = notice_filter(prefix);
    sock_fprog filter = {static_cast<unsigned short>(instructions.size()), instructions.data()};
    for (const Fd& fd : notices_) {
        if (::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter)) {
            return make_errno_error(errno, "netlink socket: filter of notices");
        }
    }
    return {};
}

Status ProcessSockets::show_devices() {
    for (const Fd& fd : notices_) {
        int none = 0;
        if (::setsockopt(fd.get(), SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none) && errno != ENOENT) {
            return make_errno_error(errno, "netlink socket: removal of the filter of notices");
        }
    }
    return {};
}

Status ProcessSockets::ignore_outgoing(bool on) {
    int value = on;
    for (const auto& [fd, device] : packet_) {
        if (::setsockopt(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &value, sizeof value)) {
            return make_errno_error(errno, "packet socket of device {}: outgoing packets", device);
        }
    }
    return {};
}

bool ProcessSockets::empty() const {
    return std::ranges::all_of(packet_, is_empty_socket, [](const auto& socket) { return socket.fd.get(); }) &&
           std::ranges::all_of(tap_, is_empty_tap, [](const Fd& fd) { return fd.get(); });
}

bool ProcessSockets::has_room(const std::string& device) const {
    return std::all_of(packet_.begin(), packet_.end(), [&](const auto& socket) {
        if (socket.device != device) {
            return true;
        }
        uint32_t info[SK_MEMINFO_VARS] = {};
        socklen_t size = sizeof info;
        ::getsockopt(socket.fd.get(), SOL_SOCKET, SO_MEMINFO, info, &size);
        return info[SK_MEMINFO_RMEM_ALLOC] <= info[SK_MEMINFO_RCVBUF] / 2;
    });
}

uint64_t ProcessSockets::waiting_bytes() const {
    uint64_t bytes = 0;
    for (const auto& [fd, device] : packet_) {
        bytes += memory_info(fd.get(), SK_MEMINFO_RMEM_ALLOC);
    }
    return bytes;
}

Status ProcessSockets::accept_all(const std::function<Status()>& round_trip, std::chrono::milliseconds limit,
                                  const std::function<Status()>& go_on) const {
    std::vector<int> sockets, taps;
    std::ranges::transform(packet_, std::back_inserter(sockets), [](const auto& socket) { return socket.fd.get(); });
    std::ranges::transform(tap_, std::back_inserter(taps), [](const Fd& fd) { return fd.get(); });
    for (const auto began = Clock::now();;) {
        std::erase_if(sockets, is_empty_socket);
        std::erase_if(taps, is_empty_tap);
        auto now = Clock::now();
        if (now > began + limit) {
            return make_error("packets are still waiting in the switch's sockets after {} ms",
                              std::chrono::duration_cast<std::chrono::milliseconds>(now - began).count());
        }
        if (sockets.empty() && taps.empty()) {
            return round_trip();   // a packet that was taken from a queue is processed before the main loop gets to its control socket
        }
        TRY(go_on());
        wait_to_look_again(began);
    }
}

void ProcessSockets::discard() const {
    for (const auto& socket : packet_) {
        char first_byte;
        while (::recv(socket.fd.get(), &first_byte, sizeof first_byte, MSG_DONTWAIT) >= 0) {
        }
    }
}

uint64_t ProcessSockets::dropped() const {
    uint64_t packets = 0;
    for (const auto& [fd, device] : packet_) {
        // Not PACKET_STATISTICS, which reading resets.
        packets += memory_info(fd.get(), SK_MEMINFO_DROPS);
    }
    return packets;
}

Result<RoomForStalls> RoomForStalls::open(pid_t pid) { return RoomForStalls(TRY(ProcessSockets::open(pid))); }

RoomForStalls::RoomForStalls(ProcessSockets sockets)
    : sockets_(std::make_unique<ProcessSockets>(std::move(sockets))), bytes_before_(sockets_->receive_buffer_bytes()) {}

RoomForStalls::~RoomForStalls() {
    if (sockets_) {
        (void) sockets_->reduce_receive_buffers(bytes_before_).ok();   // fails where the process has ended
    }
}

Result<size_t> shutdown_sessions(pid_t pid, std::span<const SocketAddress> controllers) {
    Fd pidfd = TRY(open_process(pid));
    size_t count = 0;
    for (const RemoteFile& file : TRY(files_of(pid))) {
        if (!file.target.starts_with("socket:")) {
            continue;
        }
        Fd fd = TRY(duplicate(pidfd.get(), file.number, pid));
        if (!fd || socket_option(fd.get(), SO_TYPE) != SOCK_STREAM) {
            continue;
        }
        int domain = socket_option(fd.get(), SO_DOMAIN);
        bool session = domain == AF_UNIX ? accepted_management(fd.get())
                       : (domain == AF_INET || domain == AF_INET6) && connected_to(fd.get(), controllers);
        if (session && ::shutdown(fd.get(), SHUT_RDWR) == 0) {
            count++;
        }
    }
    return count;
}

}  // namespace hitless::datapath

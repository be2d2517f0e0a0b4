// Which of a switch's packet sockets the kernel offers what is sent out of their devices.
#pragma once

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/fd.h"

namespace hitless::test {

// Of process 'pid', sockets that are bound to no device left out.
inline size_t sockets_offered_outgoing(pid_t pid) {
    Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
        Fd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), std::stoi(entry.path().filename()), 0)));
        sockaddr_ll address = {};
        socklen_t size = sizeof address;
        int ignored = 0;
        socklen_t ignored_size = sizeof ignored;
        count += fd && ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
                 address.sll_family == AF_PACKET && address.sll_ifindex > 0 &&
                 ::getsockopt(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &ignored, &ignored_size) == 0 && !ignored;
    }
    return count;
}

}  // namespace hitless::test

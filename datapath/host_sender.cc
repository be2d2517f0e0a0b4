#include "datapath/host_sender.h"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <vector>

namespace hitless::datapath {

Result<Fd> open_sender(uint32_t mark) {
    Fd sender(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));   // receives nothing
    if (!sender || ::setsockopt(sender.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark)) {
        return make_errno_error(errno, "packet socket");
    }
    return sender;
}

Status send_frame(const Fd& sender, const steer_host& host, std::span<const uint8_t> packet) {
    constexpr size_t address_length = 6;
    std::vector<uint8_t> frame(host.l2, host.l2 + host.l2_length);
    std::swap_ranges(frame.begin(), frame.begin() + address_length, frame.begin() + address_length);
    frame.insert(frame.end(), packet.begin(), packet.end());
    sockaddr_ll to = {};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(host.ifindex);
    if (::sendto(sender.get(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) {
        return make_errno_error(errno, "device with index {}: cannot send", host.ifindex);
    }
    return {};
}

}  // namespace hitless::datapath

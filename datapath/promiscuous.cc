#include "datapath/promiscuous.h"

#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

namespace hitless::datapath {

Result<Promiscuous> Promiscuous::hold(std::span<const std::string> ports) {
    // Protocol 0: receives nothing.
    Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!socket) {
        return make_errno_error(errno, "packet socket");
    }
    for (const auto& port : ports) {
        packet_mreq request = {};
        request.mr_ifindex = static_cast<int>(::if_nametoindex(port.c_str()));
        request.mr_type = PACKET_MR_PROMISC;
        if (!request.mr_ifindex ||
            ::setsockopt(socket.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request)) {
            return make_errno_error(errno, "port {}: cannot be held promiscuous", port);
        }
    }
    return Promiscuous(std::move(socket));
}

}  // namespace hitless::datapath

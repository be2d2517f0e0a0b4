#include "state/conntrack_types.h"

#include <arpa/inet.h>

namespace hitless::state {

namespace {

// Types of lib/conntrack.c's reverse_icmp_type() and reverse_icmp6_type(); it tracks no others.
uint8_t reversed_icmp_type(uint8_t type, bool v6) {
    if (v6) {
        return type == 128 ? 129 : type == 129 ? 128 : type;   // echo
    }
    switch (type) {
    case 8: return 0;       // echo
    case 0: return 8;
    case 13: return 14;     // timestamp
    case 14: return 13;
    case 15: return 16;     // information
    case 16: return 15;
    default: return type;
    }
}

}  // namespace

Tuple reversed(const Tuple& tuple) {
    Tuple result = tuple;
    result.source = tuple.destination;
    result.destination = tuple.source;
    if (tuple.is_icmp()) {
        uint8_t type = reversed_icmp_type(tuple.icmp_type(), tuple.protocol == IPPROTO_ICMPV6);
        result.destination_port = static_cast<uint16_t>(type << 8 | tuple.icmp_code());
    } else {
        result.source_port = tuple.destination_port;
        result.destination_port = tuple.source_port;
    }
    return result;
}

std::string_view to_string(TcpState state) {
    static constexpr std::string_view names[tcp_state_count] = {
        "CLOSED", "LISTEN", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT_1", "CLOSING", "LAST_ACK",
        "FIN_WAIT_2", "TIME_WAIT",
    };
    auto index = static_cast<size_t>(state);
    return index < tcp_state_count ? names[index] : "unknown";
}

std::string format_address(const IpAddress& address, bool v6) {
    char text[INET6_ADDRSTRLEN];
    return inet_ntop(v6 ? AF_INET6 : AF_INET, address.data(), text, sizeof text);
}

}  // namespace hitless::state

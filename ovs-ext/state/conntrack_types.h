// A connection as the connection tracker of ovs-vswitchd knows it, apart from any text or wire format.
//
// Made by conntrack_parser.h from a dump, turned into state::Entry and back by conntrack_value.h, turned into packets by
// conntrack_recipe.h.
#pragma once

#include <netinet/in.h>

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hitless::state {

// An IPv4 or IPv6 address, network byte order; IPv4 in the first four bytes, the others zero.
using IpAddress = std::array<uint8_t, 16>;

// One direction of a connection. Numbers in host byte order.
struct Tuple {
    bool v6 = false;
    uint8_t protocol = 0;            // IPPROTO_*
    IpAddress source{}, destination{};
    uint16_t source_port = 0;        // ICMP: the identifier. Zero where the tracker keeps no ports (SCTP, GRE...)
    uint16_t destination_port = 0;   // ICMP: type << 8 | code

    bool is_icmp() const { return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6; }
    uint8_t icmp_type() const { return static_cast<uint8_t>(destination_port >> 8); }
    uint8_t icmp_code() const { return static_cast<uint8_t>(destination_port); }

    auto operator<=>(const Tuple&) const = default;
};

// The tuple of the opposite direction, without NAT. For ICMP the type becomes that of the answer.
Tuple reversed(const Tuple& tuple);

// enum ct_dpif_tcp_state of lib/ct-dpif.h, same order: it is compared with < there and here.
enum class TcpState : uint8_t {
    closed, listen, syn_sent, syn_recv, established, close_wait, fin_wait_1, closing, last_ack, fin_wait_2, time_wait,
};
inline constexpr size_t tcp_state_count = 11;
std::string_view to_string(TcpState state);

// What a peer's SYN said of window scaling.
struct TcpPeer {
    TcpState state = TcpState::closed;
    uint8_t window_scale = 0;
    bool scaled = false;    // WINDOW_SCALE: its SYN was seen and had the option
    bool liberal = false;   // BE_LIBERAL: the connection was picked up after its SYN

    bool operator==(const TcpPeer&) const = default;
};

// How much the tracker has seen of a connection of a protocol other than TCP (lib/conntrack-other.c, conntrack-icmp.c):
// packets of a one-way connection are +new, of the other kind +est.
enum class Direction : uint8_t { one_way, both_ways };

struct Connection {
    Tuple original, reply;
    uint16_t zone = 0;
    uint32_t mark = 0;
    std::array<uint8_t, 16> labels{};      // most significant byte first, as printed
    std::string helper;                    // "ftp", "tftp" or empty
    TcpPeer peer[2];                       // TCP: sender of the original direction, of the reply direction
    Direction direction = Direction::one_way;
    uint32_t timeout_s = 0;                // until it expires; not part of its value
    bool related = false;                  // made from an expectation of a helper (it has a parent); not part of its value
    std::string unknown;                   // a word that the dump says of it and nobody here knows; not part of its value

    bool operator==(const Connection&) const = default;
};

// The next TCP segment that a sender of a connection will send, for the tracker's window check.
struct TcpSequence {
    uint32_t sequence = 0;         // the next sequence number
    uint32_t acknowledgement = 0;  // the last one it sent
    uint16_t window = 0;           // as on the wire, unscaled
    uint8_t window_scale = 0;      // of its SYN, 0 where unknown

    bool operator==(const TcpSequence&) const = default;
};

// Learnt sequence numbers of one direction, by its tuple as packets carry it when they enter the switch: the original direction
// has the original tuple, the reply direction the reply tuple. None: no packet was seen.
using SequenceLookup = std::function<std::optional<TcpSequence>(const Tuple& as_seen_on_the_wire)>;

// What has passed the switch in a while, as seen on the wire.
struct Passed {
    uint64_t changes = 0;       // packets that may have made a connection or changed its value
    std::vector<std::pair<Tuple, TcpSequence>> moved;   // TCP directions of which segments have passed, after the last one
};
using PassedLookup = std::function<Result<Passed>()>;

std::string format_address(const IpAddress& address, bool v6);

}  // namespace hitless::state

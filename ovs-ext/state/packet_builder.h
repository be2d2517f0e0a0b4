// Synthetic packets that make the connection tracker and the MAC learning table of an instance hold what another's hold.
//
// Complete Ethernet frames with right checksums, for packet-outs; they never reach a wire.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "state/conntrack_types.h"

namespace hitless::state {

using Packet = std::vector<uint8_t>;
using MacAddress = std::array<uint8_t, 6>;

enum TcpFlags : uint8_t { tcp_fin = 0x01, tcp_syn = 0x02, tcp_rst = 0x04, tcp_psh = 0x08, tcp_ack = 0x10 };

struct TcpSegment {
    uint8_t flags = 0;
    uint32_t sequence = 0;
    uint32_t acknowledgement = 0;
    uint16_t window = 0;
    std::optional<uint8_t> window_scale;   // the option, if any
    std::span<const uint8_t> payload = {};
};

// 'tuple' says source and destination; its protocol must be TCP.
Packet build_tcp(const Tuple& tuple, const TcpSegment& segment);

// A packet of any other protocol with the tuple's addresses, and its ports or its ICMP type, code and identifier.
Packet build_datagram(const Tuple& tuple);

// A frame from 'mac' to itself with the EtherType for local experiments (IEEE 802, 0x88b5) and the minimum length; with a
// VLAN tag where 'vlan' is not 0.
Packet build_learning_frame(const MacAddress& mac, uint16_t vlan);

// What hosts and routers say of multicast groups: IGMPv2 (RFC 2236), MLD (RFC 2710).
struct MulticastMessage {
    enum What { report, leave, query } what = report;
    bool v6 = false;
    std::array<uint8_t, 16> group{};   // network byte order, IPv4 in the first four bytes; not for a query, which asks for all
    uint16_t vlan = 0;                 // 0: no tag
};

// From a multicast MAC address, which no switch learns.
Packet build_multicast(const MulticastMessage& message);

}  // namespace hitless::state

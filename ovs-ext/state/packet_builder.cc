#include "state/packet_builder.h"

#include <cstring>

namespace hitless::state {

namespace {

constexpr size_t ethernet_length = 14;
constexpr size_t minimum_frame_length = 60;   // without FCS
constexpr uint16_t ethertype_ipv4 = 0x0800, ethertype_ipv6 = 0x86dd, ethertype_vlan = 0x8100, ethertype_experimental = 0x88b5;

void put16(uint8_t* at, uint16_t value) {
    at[0] = static_cast<uint8_t>(value >> 8);
    at[1] = static_cast<uint8_t>(value);
}

void put32(uint8_t* at, uint32_t value) {
    put16(at, static_cast<uint16_t>(value >> 16));
    put16(at + 2, static_cast<uint16_t>(value));
}

// Adds 'bytes' to a one's complement sum (RFC 1071); the sum may be continued only after an even number of bytes.
uint32_t checksum_add(uint32_t sum, std::span<const uint8_t> bytes) {
    size_t i = 0;
    for (; i + 1 < bytes.size(); i += 2) {
        sum += static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    }
    if (i < bytes.size()) {
        sum += static_cast<uint32_t>(bytes[i] << 8);
    }
    return sum;
}

uint16_t checksum_finish(uint32_t sum) {
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<uint16_t>(~sum);
}

struct Frame {
    Packet bytes;
    size_t l4 = 0;

    uint8_t* payload() { return bytes.data() + l4; }
};

void put_ipv4_header(uint8_t* ip, const Tuple& tuple, size_t l4_length) {
    ip[0] = 0x45;
    put16(ip + 2, static_cast<uint16_t>(20 + l4_length));
    put16(ip + 6, 0x4000);   // do not fragment
    ip[8] = 64;
    ip[9] = tuple.protocol;
    std::memcpy(ip + 12, tuple.source.data(), 4);
    std::memcpy(ip + 16, tuple.destination.data(), 4);
    put16(ip + 10, checksum_finish(checksum_add(0, {ip, 20})));
}

void put_ipv6_header(uint8_t* ip, const Tuple& tuple, size_t l4_length) {
    ip[0] = 0x60;
    put16(ip + 4, static_cast<uint16_t>(l4_length));
    ip[6] = tuple.protocol;
    ip[7] = 64;
    std::memcpy(ip + 8, tuple.source.data(), 16);
    std::memcpy(ip + 24, tuple.destination.data(), 16);
}

// Ethernet and IP headers of a packet with 'l4_length' zero bytes to be filled in.
Frame start_frame(const Tuple& tuple, size_t l4_length) {
    static constexpr uint8_t addresses[12] = {0x02, 0, 0, 0, 0, 0x02, 0x02, 0, 0, 0, 0, 0x01};   // locally administered
    Frame frame;
    frame.l4 = ethernet_length + (tuple.v6 ? 40 : 20);
    frame.bytes.resize(frame.l4 + l4_length);
    std::memcpy(frame.bytes.data(), addresses, sizeof addresses);
    put16(frame.bytes.data() + 12, tuple.v6 ? ethertype_ipv6 : ethertype_ipv4);
    uint8_t* ip = frame.bytes.data() + ethernet_length;
    if (tuple.v6) {
        put_ipv6_header(ip, tuple, l4_length);
    } else {
        put_ipv4_header(ip, tuple, l4_length);
    }
    return frame;
}

// The transport checksum over pseudo-header and payload, put at 'offset' of the payload.
void finish_checksum(Frame& frame, const Tuple& tuple, size_t offset, bool pseudo_header) {
    std::span<const uint8_t> l4(frame.payload(), frame.bytes.size() - frame.l4);
    uint32_t sum = 0;
    if (pseudo_header) {
        size_t address_length = tuple.v6 ? 16 : 4;
        sum = checksum_add(sum, {tuple.source.data(), address_length});
        sum = checksum_add(sum, {tuple.destination.data(), address_length});
        sum += tuple.protocol + static_cast<uint32_t>(l4.size());
    }
    uint16_t checksum = checksum_finish(checksum_add(sum, l4));
    if (!checksum && tuple.protocol == IPPROTO_UDP) {
        checksum = 0xffff;   // 0 would mean "none"
    }
    put16(frame.payload() + offset, checksum);
}

}  // namespace

Packet build_tcp(const Tuple& tuple, const TcpSegment& segment) {
    size_t header_length = segment.window_scale ? 24 : 20;
    Frame frame = start_frame(tuple, header_length + segment.payload.size());
    uint8_t* tcp = frame.payload();
    put16(tcp, tuple.source_port);
    put16(tcp + 2, tuple.destination_port);
    put32(tcp + 4, segment.sequence);
    put32(tcp + 8, segment.acknowledgement);
    tcp[12] = static_cast<uint8_t>(header_length / 4 << 4);
    tcp[13] = segment.flags;
    put16(tcp + 14, segment.window);
    if (segment.window_scale) {
        tcp[20] = 3;   // window scale, RFC 7323; one byte of end-of-list follows
        tcp[21] = 3;
        tcp[22] = *segment.window_scale;
    }
    if (!segment.payload.empty()) {
        std::memcpy(tcp + header_length, segment.payload.data(), segment.payload.size());
    }
    finish_checksum(frame, tuple, 16, true);
    return std::move(frame.bytes);
}

Packet build_datagram(const Tuple& tuple) {
    if (tuple.protocol == IPPROTO_UDP) {
        Frame frame = start_frame(tuple, 8);
        put16(frame.payload(), tuple.source_port);
        put16(frame.payload() + 2, tuple.destination_port);
        put16(frame.payload() + 4, 8);
        finish_checksum(frame, tuple, 6, true);
        return std::move(frame.bytes);
    }
    if (tuple.is_icmp()) {
        Frame frame = start_frame(tuple, 8);
        frame.payload()[0] = tuple.icmp_type();
        frame.payload()[1] = tuple.icmp_code();
        put16(frame.payload() + 4, tuple.source_port);
        put16(frame.payload() + 6, 1);   // sequence number
        finish_checksum(frame, tuple, 2, tuple.protocol == IPPROTO_ICMPV6);
        return std::move(frame.bytes);
    }
    // The tracker looks at nothing beyond the IP header of other protocols.
    Frame frame = start_frame(tuple, 32);
    put16(frame.payload(), tuple.source_port);
    put16(frame.payload() + 2, tuple.destination_port);
    return std::move(frame.bytes);
}

Packet build_learning_frame(const MacAddress& mac, uint16_t vlan) {
    Packet frame(minimum_frame_length);
    std::memcpy(frame.data(), mac.data(), mac.size());
    std::memcpy(frame.data() + 6, mac.data(), mac.size());
    size_t type_at = 12;
    if (vlan) {
        put16(frame.data() + 12, ethertype_vlan);
        put16(frame.data() + 14, vlan & 0x0fff);
        type_at = 16;
    }
    put16(frame.data() + type_at, ethertype_experimental);
    return frame;
}

namespace {

// Of routers or hosts that a message is for: 224.0.0.x and ff02::x.
std::array<uint8_t, 16> link_scope_group(bool v6, uint8_t last) {
    std::array<uint8_t, 16> address{};
    address[0] = v6 ? 0xff : 224;
    address[1] = v6 ? 0x02 : 0;
    address[v6 ? 15 : 3] = last;
    return address;
}

// RFC 1112 section 6.4, RFC 2464 section 7.
MacAddress multicast_mac(const Tuple& tuple) {
    const auto& to = tuple.destination;
    if (tuple.v6) {
        return {0x33, 0x33, to[12], to[13], to[14], to[15]};
    }
    return {0x01, 0x00, 0x5e, static_cast<uint8_t>(to[1] & 0x7f), to[2], to[3]};
}

void insert_vlan_tag(Packet& frame, uint16_t vlan) {
    uint8_t tag[4];
    put16(tag, ethertype_vlan);
    put16(tag + 2, vlan & 0x0fff);
    frame.insert(frame.begin() + 12, tag, tag + sizeof tag);
}

}  // namespace

Packet build_multicast(const MulticastMessage& message) {
    static constexpr uint8_t types[2][3] = {{0x16, 0x17, 0x11}, {131, 132, 130}};   // IGMPv2, MLD: report, leave, query
    static constexpr uint8_t source_mac[6] = {0x01, 0x00, 0x5e, 0x00, 0x00, 0x01};
    Tuple tuple;
    tuple.v6 = message.v6;
    tuple.protocol = static_cast<uint8_t>(message.v6 ? +IPPROTO_ICMPV6 : +IPPROTO_IGMP);
    tuple.destination = message.what == MulticastMessage::report  ? message.group
                        : message.what == MulticastMessage::leave ? link_scope_group(message.v6, 2)
                                                                  : link_scope_group(message.v6, 1);
    // A documentation address and a link-local one: a querier's must not be zero.
    tuple.source = message.v6 ? std::array<uint8_t, 16>{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
                              : std::array<uint8_t, 16>{192, 0, 2, 1};
    size_t group_at = message.v6 ? 8 : 4, group_length = message.v6 ? 16 : 4;
    Frame frame = start_frame(tuple, group_at + group_length);
    frame.payload()[0] = types[message.v6][message.what];
    if (message.what != MulticastMessage::query) {
        std::memcpy(frame.payload() + group_at, message.group.data(), group_length);
    }
    finish_checksum(frame, tuple, 2, message.v6);
    MacAddress destination_mac = multicast_mac(tuple);
    std::memcpy(frame.bytes.data(), destination_mac.data(), destination_mac.size());
    std::memcpy(frame.bytes.data() + 6, source_mac, sizeof source_mac);
    if (message.vlan) {
        insert_vlan_tag(frame.bytes, message.vlan);
    }
    return std::move(frame.bytes);
}

}  // namespace hitless::state

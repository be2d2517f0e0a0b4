#include "state/packet_builder.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace hitless::state {
namespace {

Tuple tuple(uint8_t protocol, const char* source, const char* destination, uint16_t source_port, uint16_t destination_port) {
    Tuple t{.v6 = std::string_view(source).find(':') != std::string_view::npos, .protocol = protocol};
    inet_pton(t.v6 ? AF_INET6 : AF_INET, source, t.source.data());
    inet_pton(t.v6 ? AF_INET6 : AF_INET, destination, t.destination.data());
    t.source_port = source_port;
    t.destination_port = destination_port;
    return t;
}

uint32_t sum(std::span<const uint8_t> bytes) {
    uint32_t result = 0;
    for (size_t i = 0; i < bytes.size(); i++) {
        result += static_cast<uint32_t>(i % 2 ? bytes[i] : bytes[i] << 8);
    }
    return result;
}

uint16_t fold(uint32_t value) {
    while (value >> 16) {
        value = (value & 0xffff) + (value >> 16);
    }
    return static_cast<uint16_t>(value);
}

// The receiver's side of RFC 1071: everything, checksum included, sums up to 0xffff.
void expect_valid_checksums(const Packet& packet, bool v6, uint8_t protocol, bool pseudo_header = true) {
    std::span<const uint8_t> ip(packet.data() + 14, packet.size() - 14);
    size_t header = v6 ? 40 : 20;
    uint32_t total = sum(ip.subspan(header));
    if (pseudo_header) {
        total += sum(v6 ? ip.subspan(8, 32) : ip.subspan(12, 8)) + protocol + static_cast<uint32_t>(ip.size() - header);
    }
    EXPECT_EQ(fold(total), 0xffff);
    if (!v6) {
        EXPECT_EQ(fold(sum(ip.subspan(0, 20))), 0xffff);
        EXPECT_EQ(ip[2] << 8 | ip[3], static_cast<int>(ip.size()));
    } else {
        EXPECT_EQ(ip[4] << 8 | ip[5], static_cast<int>(ip.size() - 40));
    }
}

TEST(PacketBuilder, TcpHasItsHeaderAndValidChecksums) {
    static constexpr uint8_t payload[] = {1, 2, 3};   // an odd length
    for (bool v6 : {false, true}) {
        Tuple t = v6 ? tuple(IPPROTO_TCP, "fd00::1", "fd00::2", 4000, 80) : tuple(IPPROTO_TCP, "10.0.0.1", "10.0.0.2", 4000, 80);
        Packet p = build_tcp(t, {.flags = tcp_syn | tcp_ack, .sequence = 0x01020304, .acknowledgement = 0xfffefdfc, .window = 0x1234,
                                 .window_scale = 7, .payload = payload});
        size_t l4 = v6 ? 54 : 34;
        ASSERT_EQ(p.size(), l4 + 24 + 3);
        EXPECT_EQ(Packet(p.begin() + 12, p.begin() + 14), v6 ? (Packet{0x86, 0xdd}) : (Packet{0x08, 0x00}));
        EXPECT_EQ(Packet(p.begin() + l4, p.begin() + l4 + 16),
                  (Packet{0x0f, 0xa0, 0, 80, 1, 2, 3, 4, 0xff, 0xfe, 0xfd, 0xfc, 0x60, 0x12, 0x12, 0x34}));
        EXPECT_EQ(Packet(p.begin() + l4 + 20, p.end()), (Packet{3, 3, 7, 0, 1, 2, 3}));
        expect_valid_checksums(p, v6, IPPROTO_TCP);
    }
}

TEST(PacketBuilder, DatagramsHaveValidChecksums) {
    expect_valid_checksums(build_datagram(tuple(IPPROTO_UDP, "10.0.0.1", "10.0.0.2", 53, 1234)), false, IPPROTO_UDP);
    expect_valid_checksums(build_datagram(tuple(IPPROTO_UDP, "fd00::1", "fd00::2", 53, 1234)), true, IPPROTO_UDP);
    expect_valid_checksums(build_datagram(tuple(IPPROTO_ICMP, "10.0.0.1", "10.0.0.2", 77, 8 << 8)), false, IPPROTO_ICMP, false);
    expect_valid_checksums(build_datagram(tuple(IPPROTO_ICMPV6, "fd00::1", "fd00::2", 77, 128 << 8)), true, IPPROTO_ICMPV6);
}

TEST(PacketBuilder, UdpNeverHasTheChecksumThatMeansNone) {
    // Found by trying all ports: for one of them the sum is 0.
    for (uint32_t port = 1; port < 65536; port++) {
        Packet p = build_datagram(tuple(IPPROTO_UDP, "10.0.0.1", "10.0.0.2", static_cast<uint16_t>(port), 9));
        ASSERT_NE(p[40] << 8 | p[41], 0) << port;
    }
}

TEST(PacketBuilder, IcmpCarriesTypeCodeAndIdentifier) {
    Packet p = build_datagram(tuple(IPPROTO_ICMP, "10.0.0.1", "10.0.0.2", 0x1234, 13 << 8 | 5));
    EXPECT_EQ(p[34], 13);
    EXPECT_EQ(p[35], 5);
    EXPECT_EQ(p[38] << 8 | p[39], 0x1234);
}

TEST(PacketBuilder, LearningFrameGoesFromTheAddressToItself) {
    MacAddress mac{2, 3, 4, 5, 6, 7};
    Packet plain = build_learning_frame(mac, 0), tagged = build_learning_frame(mac, 4094);
    EXPECT_EQ(plain.size(), 60u);
    EXPECT_EQ(Packet(plain.begin(), plain.begin() + 14), (Packet{2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6, 7, 0x88, 0xb5}));
    EXPECT_EQ(Packet(tagged.begin() + 12, tagged.begin() + 18), (Packet{0x81, 0, 0x0f, 0xfe, 0x88, 0xb5}));
}

}  // namespace
}  // namespace hitless::state

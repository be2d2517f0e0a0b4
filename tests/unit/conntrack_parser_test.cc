#include "state/conntrack_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace hitless::state {
namespace {

using testing::HasSubstr;

Connection parse(std::string_view line) {
    auto connection = parse_connection(line);
    EXPECT_TRUE(connection.ok()) << (connection.ok() ? "" : connection.error().message);
    return connection.ok() ? *connection : Connection{};
}

constexpr std::string_view tcp_line =
    "tcp,orig=(src=10.1.0.1,dst=10.2.0.2,sport=3000,dport=80),reply=(src=10.2.0.2,dst=10.9.0.9,sport=80,dport=7000),id=4123456789,"
    "zone=9,status=SEEN_REPLY|CONFIRMED,timeout=86399,mark=7,labels=0x1000000000000000000000000ff,"
    "protoinfo=(state_orig=ESTABLISHED,state_reply=FIN_WAIT_2,wscale_orig=5,wscale_reply=9,flags_orig=WINDOW_SCALE,"
    "flags_reply=WINDOW_SCALE),helper=ftp,parent=(src=1.1.1.1,dst=2.2.2.2,sport=1,dport=2)";

TEST(ConntrackParser, ReadsEveryFieldOfATcpConnection) {
    Connection c = parse(tcp_line);
    EXPECT_EQ(c.original.protocol, IPPROTO_TCP);
    EXPECT_EQ(format_address(c.original.source, false), "10.1.0.1");
    EXPECT_EQ(format_address(c.reply.destination, false), "10.9.0.9");
    EXPECT_EQ(c.original.source_port, 3000);
    EXPECT_EQ(c.reply.destination_port, 7000);
    EXPECT_EQ(c.zone, 9);
    EXPECT_EQ(c.timeout_s, 86399u);
    EXPECT_EQ(c.mark, 7u);
    EXPECT_EQ(c.labels[15], 0xff);
    EXPECT_EQ(c.labels[2], 0x01);
    EXPECT_EQ(c.peer[0], (TcpPeer{TcpState::established, 5, true, false}));
    EXPECT_EQ(c.peer[1], (TcpPeer{TcpState::fin_wait_2, 9, true, false}));
    EXPECT_EQ(c.helper, "ftp");
    EXPECT_TRUE(c.related);
}

TEST(ConntrackParser, TakesKeysInAnyOrderAndNamesUnknownOnes) {
    Connection c = parse("udp,future=(a=1,b=(c=2)),zone=3,reply=(dport=5,sport=6,dst=1.1.1.1,src=2.2.2.2,packets=9,bytes=8),"
                         "novelty,timeout=29,orig=(src=1.1.1.1,dst=2.2.2.2,sport=5,dport=6,packets=1,bytes=2),start=2026-01-01T00:00:00.000");
    EXPECT_EQ(c.zone, 3);
    EXPECT_EQ(c.reply, reversed(c.original));
    EXPECT_EQ(c.timeout_s, 29u);
    EXPECT_EQ(c.unknown, "novelty");
}

TEST(ConntrackParser, NamesWhatIsUnknownWhereverItIs) {
    std::string tuples = "orig=(src=1.1.1.1,dst=2.2.2.2,sport=1,dport=2),reply=(src=2.2.2.2,dst=1.1.1.1,sport=2,dport=1)";
    EXPECT_EQ(parse("udp," + tuples + ",id=1,status=,timeout=3,start=2026-01-01T00:00:00.000,stop=2026-01-01T00:00:01.000").unknown, "");
    EXPECT_EQ(parse("udp,orig=(src=1.1.1.1,dst=2.2.2.2,sport=1,dport=2,vni=3),reply=(src=2.2.2.2,dst=1.1.1.1,sport=2,dport=1)").unknown, "vni");
    EXPECT_EQ(parse("sctp," + tuples + ",protoinfo=(state=ESTABLISHED)").unknown, "protoinfo");
    EXPECT_EQ(parse("tcp," + tuples + ",protoinfo=(state_orig=ESTABLISHED,state_reply=ESTABLISHED,offset=7)").unknown, "offset");
    EXPECT_EQ(parse("tcp," + tuples + ",protoinfo=(state_orig=ESTABLISHED,state_reply=ESTABLISHED,flags_orig=NONE)").unknown, "");
}

TEST(ConntrackParser, ALaterKeyReplacesAnEarlierOneWholly) {
    std::string first = "orig=(src=fd00::1,dst=fd00::2,sport=1,dport=2),reply=(src=fd00::2,dst=fd00::1,sport=2,dport=1),labels=0xff";
    std::string second = "orig=(src=1.1.1.1,dst=2.2.2.2,sport=1,dport=2),reply=(src=2.2.2.2,dst=1.1.1.1,sport=2,dport=1),labels=0x100";
    EXPECT_EQ(parse("udp," + first + "," + second), parse("udp," + second));
}

TEST(ConntrackParser, ReadsAllProtocols) {
    Connection icmp = parse("icmp,orig=(src=1.1.1.1,dst=2.2.2.2,id=77,type=8,code=0),reply=(src=2.2.2.2,dst=1.1.1.1,id=77,type=0,code=0)");
    EXPECT_EQ(icmp.original.source_port, 77);
    EXPECT_EQ(icmp.original.icmp_type(), 8);
    EXPECT_EQ(icmp.reply, reversed(icmp.original));
    Connection icmpv6 = parse("icmpv6,orig=(src=fd00::1,dst=fd00::2,id=1,type=128,code=0),reply=(src=fd00::2,dst=fd00::1,id=1,type=129,code=0)");
    EXPECT_TRUE(icmpv6.original.v6);
    EXPECT_EQ(icmpv6.reply, reversed(icmpv6.original));
    EXPECT_EQ(parse("sctp,orig=(src=1.1.1.1,dst=2.2.2.2,sport=0,dport=0),reply=(src=2.2.2.2,dst=1.1.1.1,sport=0,dport=0),protoinfo=(state=X,vtag_orig=1)")
                  .original.protocol, IPPROTO_SCTP);
    EXPECT_EQ(parse("47,orig=(src=1.1.1.1,dst=2.2.2.2,sport=0,dport=0),reply=(src=2.2.2.2,dst=1.1.1.1,sport=0,dport=0)").original.protocol, 47);
    EXPECT_EQ(parse("igmp,orig=(src=1.1.1.1,dst=2.2.2.2,sport=0,dport=0),reply=(src=2.2.2.2,dst=1.1.1.1,sport=0,dport=0)").original.protocol, 2);
}

TEST(ConntrackParser, RefusesLinesThatAreNotWhollyAConnection) {
    for (std::string_view line : {
             "", ",", "tcp", "nonsense,orig=(src=1.1.1.1,dst=2.2.2.2),reply=(src=1.1.1.1,dst=2.2.2.2)",
             "256,orig=(src=1.1.1.1,dst=2.2.2.2),reply=(src=1.1.1.1,dst=2.2.2.2)",
             "udp,orig=(src=1.1.1.1,dst=2.2.2.2,sport=5,dport=6)",                                                          // no reply
             "udp,orig=(src=1.1.1.1,dst=2.2.2.2,sport=70000,dport=6),reply=(src=2.2.2.2,dst=1.1.1.1,sport=6,dport=5)",
             "udp,orig=(src=1.1.1,dst=2.2.2.2,sport=1,dport=6),reply=(src=2.2.2.2,dst=1.1.1.1,sport=6,dport=5)",
             "udp,orig=(src=1.1.1.1.1,dst=2.2.2.2,sport=1,dport=6),reply=(src=2.2.2.2,dst=1.1.1.1,sport=6,dport=5)",
             "udp,orig=(src=1.1.1.256,dst=2.2.2.2,sport=1,dport=6),reply=(src=2.2.2.2,dst=1.1.1.1,sport=6,dport=5)",
             "udp,orig=(src=fd00::1,dst=2.2.2.2,sport=1,dport=6),reply=(src=2.2.2.2,dst=1.1.1.1,sport=6,dport=5)",         // families mixed
             "udp,orig=(src=1.1.1.1,dst=2.2.2.2,sport=1,dport=6,reply=(src=2.2.2.2,dst=1.1.1.1,sport=6,dport=5)",         // parenthesis
             "udp,orig=(src=1.1.1.1,dst=2.2.2.2,sport=1,dport=6),reply=(src=2.2.2.2,dst=1.1.1.1,sport=6,dport=5),zone=65536",
             "udp,orig=(src=1.1.1.1,dst=2.2.2.2,sport=1,dport=6),reply=(src=2.2.2.2,dst=1.1.1.1,sport=6,dport=5),mark=-1",
             "udp,orig=(src=1.1.1.1,dst=2.2.2.2,sport=1,dport=6),reply=(src=2.2.2.2,dst=1.1.1.1,sport=6,dport=5),labels=0x",
             "udp,orig=(src=1.1.1.1,dst=2.2.2.2,sport=1,dport=6),reply=(src=2.2.2.2,dst=1.1.1.1,sport=6,dport=5),labels=0xg",
             "udp,orig=(src=1.1.1.1,dst=2.2.2.2,sport=1,dport=6),reply=(src=2.2.2.2,dst=1.1.1.1,sport=6,dport=5),"
             "labels=0x123456789012345678901234567890123",                                                                  // 132 bits
             "tcp,orig=(src=1.1.1.1,dst=2.2.2.2,sport=1,dport=6),reply=(src=2.2.2.2,dst=1.1.1.1,sport=6,dport=5)",         // no states
             "tcp,orig=(src=1.1.1.1,dst=2.2.2.2,sport=1,dport=6),reply=(src=2.2.2.2,dst=1.1.1.1,sport=6,dport=5),"
             "protoinfo=(state_orig=DREAMING,state_reply=CLOSED)",
         }) {
        EXPECT_FALSE(parse_connection(line).ok()) << line;
    }
    EXPECT_FALSE(parse_connection(std::string(tcp_line) + ",x=" + std::string(conntrack_line_limit_bytes, 'x')).ok());
}

TEST(ConntrackParser, EndsAtTheFirstBadLineAndQuotesIt) {
    std::string text = std::string(tcp_line) + "\n\nthis is not a connection\n" + std::string(tcp_line) + "\n";
    size_t seen = 0;
    Status status = parse_conntrack_dump(text, [&](const Connection&) { seen++; });
    ASSERT_FALSE(status.ok());
    EXPECT_THAT(status.error().message, HasSubstr("'this is not a connection'"));
    EXPECT_EQ(seen, 1u);
}

TEST(ConntrackParser, NeedsNoNewlineAtTheEnd) {
    size_t seen = 0;
    ASSERT_TRUE(parse_conntrack_dump(tcp_line, [&](const Connection&) { seen++; }).ok());
    EXPECT_EQ(seen, 1u);
}

TEST(ConntrackParser, DISABLED_Speed) {
    std::string text;
    constexpr size_t count = 500'000;
    for (size_t i = 0; i < count; i++) {
        text += tcp_line.substr(0, tcp_line.find(",helper"));
        text += '\n';
    }
    size_t sum = 0;
    auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(parse_conntrack_dump(text, [&](const Connection& c) { sum += c.zone; }).ok());
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    EXPECT_EQ(sum, 9 * count);
    fmt::print("{:.0f} connections/s\n", count / seconds);
}

}  // namespace
}  // namespace hitless::state

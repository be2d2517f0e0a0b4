#include "state/conntrack_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state/conntrack_parser.h"
#include "state/conntrack_recipe.h"
#include "state/packet_builder.h"

namespace hitless::state {
namespace {

using testing::HasSubstr;

Connection parse(const std::string& line) {
    auto connection = parse_connection(line);
    EXPECT_TRUE(connection.ok()) << line;
    return connection.ok() ? *connection : Connection{};
}

std::string tcp(const std::string& original, const std::string& reply, const std::string& more = "") {
    return "tcp,orig=(src=10.1.0.1,dst=10.2.0.2,sport=3000,dport=80),reply=(src=10.2.0.2,dst=10.1.0.1,sport=80,dport=3000),"
           "protoinfo=(state_orig=" + original + ",state_reply=" + reply +
           ",wscale_orig=7,wscale_reply=7,flags_orig=WINDOW_SCALE,flags_reply=WINDOW_SCALE)" + more;
}

std::string udp(const std::string& reply, const std::string& more = "") {
    return "udp,orig=(src=10.1.0.1,dst=10.2.0.2,sport=1111,dport=53),reply=(" + reply + ")" + more;
}
const std::string plain_reply = "src=10.2.0.2,dst=10.1.0.1,sport=53,dport=1111";

TEST(ConntrackValue, EntryHoldsTheWholeConnection) {
    for (const std::string& line : {
             tcp("ESTABLISHED", "ESTABLISHED"),
             tcp("CLOSING", "FIN_WAIT_2", ",zone=65535,mark=4294967295,labels=0xaabbccddeeff00112233445566778899,helper=ftp"),
             udp("src=10.7.0.7,dst=10.1.0.1,sport=5353,dport=1111", ",zone=1,mark=9"),
             udp(plain_reply, ",labels=0x1"),
             std::string("icmpv6,orig=(src=fd00::1,dst=fd00::2,id=78,type=128,code=0),reply=(src=fd00::2,dst=fd00::9,id=78,type=129,code=0),zone=3"),
             std::string("47,orig=(src=1.1.1.1,dst=2.2.2.2,sport=0,dport=0),reply=(src=2.2.2.2,dst=1.1.1.1,sport=0,dport=0),zone=4"),
         }) {
        Connection connection = parse(line);
        auto again = from_entry(to_entry(connection));
        ASSERT_TRUE(again.ok()) << line;
        EXPECT_EQ(*again, connection) << line;
    }
}

TEST(ConntrackValue, TimeoutsAndIdsAreNotPartOfIt) {
    EXPECT_EQ(to_entry(parse(udp(plain_reply, ",id=1,timeout=20"))), to_entry(parse(udp(plain_reply, ",id=2,timeout=5"))));
}

TEST(ConntrackValue, EveryOtherPartCounts) {
    Entry entry = to_entry(parse(udp(plain_reply)));
    EXPECT_NE(to_entry(parse(udp(plain_reply, ",mark=1"))).value, entry.value);
    EXPECT_NE(to_entry(parse(udp(plain_reply, ",labels=0x1"))).value, entry.value);
    EXPECT_NE(to_entry(parse(udp("src=10.2.0.2,dst=10.1.0.1,sport=53,dport=1112"))).value, entry.value);
    EXPECT_NE(to_entry(parse(udp(plain_reply, ",helper=tftp"))).value, entry.value);
    EXPECT_NE(to_entry(parse(udp(plain_reply, ",zone=1"))).key, entry.key);
    EXPECT_NE(to_entry(parse(tcp("ESTABLISHED", "ESTABLISHED"))).value, to_entry(parse(tcp("ESTABLISHED", "SYN_SENT"))).value);
}

TEST(ConntrackValue, ConnectionsThatAreOverAreEqual) {
    EXPECT_EQ(to_entry(parse(tcp("TIME_WAIT", "TIME_WAIT"))), to_entry(parse(tcp("FIN_WAIT_2", "FIN_WAIT_2"))));
    EXPECT_NE(to_entry(parse(tcp("FIN_WAIT_2", "CLOSING"))), to_entry(parse(tcp("FIN_WAIT_2", "FIN_WAIT_2"))));
}

TEST(ConntrackValue, DamagedEntriesAreRefused) {
    Entry entry = to_entry(parse(udp("src=10.7.0.7,dst=10.1.0.1,sport=5353,dport=1111", ",mark=9")));
    EXPECT_FALSE(from_entry({entry.key.substr(1), entry.value}).ok());
    for (size_t length = 0; length < entry.value.size(); length++) {
        EXPECT_FALSE(from_entry({entry.key, entry.value.substr(0, length)}).ok()) << length;
    }
    EXPECT_FALSE(from_entry({entry.key, entry.value + "x"}).ok());
}

TEST(ConntrackValue, DirectionComesFromTheTimeoutAndTheZonesPolicy) {
    Connection connection = parse(udp(plain_reply, ",timeout=31"));
    infer_direction(connection, {});
    EXPECT_EQ(connection.direction, Direction::one_way);
    infer_direction(connection, {.udp_both_ways_s = 120});
    EXPECT_EQ(connection.direction, Direction::both_ways);
    connection.timeout_s = 30;
    infer_direction(connection, {});
    EXPECT_EQ(connection.direction, Direction::both_ways);
}

TEST(ConntrackValue, InfersTranslation) {
    using Kind = Translation::Kind;
    EXPECT_EQ(infer_translation(parse(udp(plain_reply))).kind, Kind::none);
    Translation source = infer_translation(parse(udp("src=10.2.0.2,dst=10.9.0.9,sport=53,dport=1111")));
    EXPECT_EQ(source.kind, Kind::source);
    EXPECT_EQ(format_address(source.address, false), "10.9.0.9");
    EXPECT_EQ(source.port, 1111);
    EXPECT_EQ(infer_translation(parse(udp("src=10.2.0.2,dst=10.1.0.1,sport=53,dport=2222"))).kind, Kind::source);
    Translation destination = infer_translation(parse(udp("src=10.7.0.7,dst=10.1.0.1,sport=5353,dport=1111")));
    EXPECT_EQ(destination.kind, Kind::destination);
    EXPECT_EQ(destination.port, 5353);
    EXPECT_FALSE(destination.source_port_moved);
    EXPECT_TRUE(infer_translation(parse(udp("src=10.7.0.7,dst=10.1.0.1,sport=5353,dport=1112"))).source_port_moved);
    Translation icmp = infer_translation(parse("icmp,orig=(src=1.1.1.1,dst=2.2.2.2,id=7,type=8,code=0),reply=(src=2.2.2.2,dst=3.3.3.3,id=7,type=0,code=0)"));
    EXPECT_EQ(icmp.kind, Kind::source);
    EXPECT_EQ(icmp.port, std::nullopt);
}

// Plays a path through the model of the tracker's states.
TcpStates play(const std::vector<TcpMove>& path) {
    TcpStates states{TcpState::syn_sent, TcpState::closed};
    for (size_t i = 1; i < path.size(); i++) {
        states = after(states, path[i]);
    }
    return states;
}

TEST(ConntrackRecipe, APathLeadsToEveryStateThatConnectionsHave) {
    using S = TcpState;
    for (TcpStates states : std::initializer_list<TcpStates>{
             {S::syn_sent, S::closed}, {S::syn_sent, S::syn_sent}, {S::established, S::syn_sent}, {S::established, S::established},
             {S::closing, S::established}, {S::established, S::closing}, {S::fin_wait_2, S::established},
             {S::established, S::fin_wait_2}, {S::fin_wait_2, S::closing}, {S::closing, S::fin_wait_2},
             {S::fin_wait_2, S::fin_wait_2}, {S::time_wait, S::time_wait}, {S::closing, S::closed}}) {
        auto path = tcp_path(states, {tcp_syn, tcp_syn | tcp_ack, true});
        ASSERT_FALSE(path.empty()) << to_string(states.first) << "/" << to_string(states.second);
        EXPECT_EQ(path.front(), (TcpMove{false, tcp_syn}));
        EXPECT_EQ(play(path), states);
    }
    EXPECT_EQ(tcp_path({S::established, S::established}, {tcp_ack, tcp_ack, false}).front().flags, tcp_ack);
    EXPECT_TRUE(tcp_path({S::last_ack, S::closed}, {tcp_syn, tcp_syn | tcp_ack, true}).empty());
}

uint32_t field32(const openflow::PacketOut& out, size_t offset) {
    const uint8_t* at = out.packet.data() + 34 + offset;
    return static_cast<uint32_t>(at[0]) << 24 | static_cast<uint32_t>(at[1]) << 16 | static_cast<uint32_t>(at[2]) << 8 | at[3];
}

TEST(ConntrackRecipe, TheLastSegmentsEndAtTheLearntNumbers) {
    for (const char* states : {"ESTABLISHED", "CLOSING", "FIN_WAIT_2"}) {
        std::vector<openflow::PacketOut> packets;
        TcpNumbers numbers{5, 0x80000000};   // the first wraps around below 0
        ASSERT_TRUE(append_creation(parse(tcp(states, "ESTABLISHED")), numbers, packets).ok());
        uint32_t end[2] = {0, 0};
        for (const auto& packet : packets) {
            uint8_t flags = packet.packet[34 + 13];
            bool reply = packet.packet[34] << 8 == 0 && packet.packet[35] == 80;
            end[reply] = field32(packet, 4) + ((flags & tcp_syn) ? 1 : 0) + ((flags & tcp_fin) ? 1 : 0);
        }
        EXPECT_EQ(end[0], numbers.original) << states;
        EXPECT_EQ(end[1], numbers.reply) << states;
    }
}

TEST(ConntrackRecipe, EitherDirectionTellsBothNumbers) {
    Connection connection = parse(tcp("ESTABLISHED", "ESTABLISHED"));
    auto lookup = [&](bool original, bool reply) -> SequenceLookup {
        return [&connection, original, reply](const Tuple& tuple) -> std::optional<TcpSequence> {
            if (original && tuple == connection.original) {
                return TcpSequence{.sequence = 10, .acknowledgement = 20};
            }
            if (reply && tuple == connection.reply) {
                return TcpSequence{.sequence = 21, .acknowledgement = 9};
            }
            return std::nullopt;
        };
    };
    EXPECT_EQ(learn_numbers(connection, lookup(true, true)), (TcpNumbers{10, 21}));
    EXPECT_EQ(learn_numbers(connection, lookup(true, false)), (TcpNumbers{10, 20}));
    EXPECT_EQ(learn_numbers(connection, lookup(false, true)), (TcpNumbers{9, 21}));
    EXPECT_EQ(learn_numbers(connection, lookup(false, false)), std::nullopt);
    EXPECT_EQ(learn_numbers(connection, nullptr), std::nullopt);
}

TEST(ConntrackRecipe, ActionsHaveZoneTranslationMarkLabelAndHelper) {
    std::vector<openflow::PacketOut> packets;
    Connection connection = parse(udp("src=10.7.0.7,dst=10.1.0.1,sport=5353,dport=1111",
                                      ",zone=1,mark=9,labels=0xff,helper=tftp,timeout=3"));
    connection.direction = Direction::both_ways;
    ASSERT_TRUE(append_creation(connection, std::nullopt, packets).ok());
    ASSERT_EQ(packets.size(), 2u);
    EXPECT_EQ(packets[0].actions, "ct(commit,zone=1,nat(dst=10.7.0.7:5353),exec(set_field:9->ct_mark,"
                                  "set_field:0x000000000000000000000000000000ff->ct_label),alg=tftp)");
    EXPECT_EQ(packets[1].actions, "ct(zone=1)");
    packets.clear();
    Connection v6 = parse("udp,orig=(src=fd00::1,dst=fd00::2,sport=5,dport=6),reply=(src=fd00::2,dst=fd00::9,sport=6,dport=7)");
    ASSERT_TRUE(append_creation(v6, std::nullopt, packets).ok());
    EXPECT_EQ(packets[0].actions, "ct(commit,zone=0,nat(src=[fd00::9]:7))");
}

TEST(ConntrackRecipe, ChangesInPlaceOnlyWhatPacketsCanChange) {
    Connection one = parse(udp(plain_reply)), both = one, marked = one, moved = one;
    both.direction = Direction::both_ways;
    marked.mark = 5;
    moved.reply.destination_port = 9;
    EXPECT_TRUE(can_change_in_place(one, both));
    EXPECT_FALSE(can_change_in_place(both, one));
    EXPECT_TRUE(can_change_in_place(marked, one));
    EXPECT_FALSE(can_change_in_place(one, moved));
    EXPECT_FALSE(can_change_in_place(parse(tcp("ESTABLISHED", "ESTABLISHED")), parse(tcp("CLOSING", "ESTABLISHED"))));
    std::vector<openflow::PacketOut> packets;
    append_change(one, packets);   // from some mark to none
    EXPECT_THAT(packets.at(0).actions, HasSubstr("set_field:0->ct_mark"));
}

TEST(ConntrackRecipe, FlushArgumentsNameTheOriginalTuple) {
    EXPECT_EQ(flush_argument(parse(udp(plain_reply))), "ct_nw_src=10.1.0.1,ct_nw_dst=10.2.0.2,ct_nw_proto=17,ct_tp_src=1111,ct_tp_dst=53");
    EXPECT_EQ(flush_argument(parse("icmp,orig=(src=1.1.1.1,dst=2.2.2.2,id=7,type=8,code=0),reply=(src=2.2.2.2,dst=1.1.1.1,id=7,type=0,code=0)")),
              "ct_nw_src=1.1.1.1,ct_nw_dst=2.2.2.2,ct_nw_proto=1,icmp_type=8,icmp_code=0,icmp_id=7");
    EXPECT_EQ(flush_argument(parse("47,orig=(src=fd00::1,dst=fd00::2,sport=0,dport=0),reply=(src=fd00::2,dst=fd00::1,sport=0,dport=0)")),
              "ct_ipv6_src=fd00::1,ct_ipv6_dst=fd00::2,ct_nw_proto=47");
}

}  // namespace
}  // namespace hitless::state

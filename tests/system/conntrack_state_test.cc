// Connections of all kinds, their settings and MAC tables, copied between two real switches with the dummy datapath.
#include "conntrack_pair.h"
#include "state/fdb.h"

namespace hitless::state {
namespace {

// One of every kind of connection that the tracker has.
std::vector<Connection> connections_of_all_kinds() {
    std::vector<Connection> result;
    const std::pair<const char*, const char*> states[] = {
        {"SYN_SENT", "CLOSED"},        {"ESTABLISHED", "SYN_SENT"},  {"ESTABLISHED", "ESTABLISHED"}, {"CLOSING", "ESTABLISHED"},
        {"ESTABLISHED", "CLOSING"},    {"FIN_WAIT_2", "ESTABLISHED"}, {"ESTABLISHED", "FIN_WAIT_2"},  {"FIN_WAIT_2", "CLOSING"},
        {"CLOSING", "FIN_WAIT_2"},     {"FIN_WAIT_2", "FIN_WAIT_2"}, {"TIME_WAIT", "TIME_WAIT"}};
    int i = 0;
    for (const auto& [original, reply] : states) {
        i++;
        bool seen = std::string_view(reply) != "CLOSED";
        result.push_back(parse(fmt::format(
            "tcp,orig=(src=10.1.0.1,dst=10.2.0.2,sport={0},dport=80),reply=(src=10.2.0.2,dst=10.9.0.9,sport=80,dport={1}),zone=9,mark={2},"
            "protoinfo=(state_orig={3},state_reply={4},wscale_orig={5},wscale_reply={6},flags_orig=WINDOW_SCALE,flags_reply={7})",
            3000 + i, 7000 + i, i, original, reply, 5 + i % 3, seen ? 9 : 0, seen ? "WINDOW_SCALE" : "")));
    }
    const std::string v4 = "src=10.1.0.1,dst=10.2.0.2", v4_back = "src=10.2.0.2,dst=10.1.0.1", v6 = "src=fd00::1,dst=fd00::2";
    const std::string established = ",protoinfo=(state_orig=ESTABLISHED,state_reply=ESTABLISHED,flags_orig=,flags_reply=)";
    for (const std::string& line : {
             "tcp," + tuples(v4 + ",sport=4021,dport=21", v4_back + ",sport=21,dport=4021") + established + ",zone=6,helper=ftp,mark=6",
             "tcp," + tuples(v6 + ",sport=4022,dport=22", "src=fd00::2,dst=fd00::1,sport=22,dport=4022") + established,
             // picked up after its SYN
             "tcp," + tuples(v4 + ",sport=4023,dport=23", v4_back + ",sport=23,dport=4023") +
                 ",protoinfo=(state_orig=ESTABLISHED,state_reply=ESTABLISHED,flags_orig=BE_LIBERAL,flags_reply=BE_LIBERAL)",
             "udp," + tuples(v4 + ",sport=1111,dport=53", "src=10.7.0.7,dst=10.1.0.1,sport=5353,dport=1111") +
                 ",zone=1,labels=0xaabbccddeeff00112233445566778899,timeout=30",
             "udp," + tuples(v4 + ",sport=1112,dport=53", v4_back + ",sport=53,dport=1112") + ",zone=1,timeout=60",
             "udp," + tuples(v6 + ",sport=1113,dport=53", "src=fd00::2,dst=fd00::99,sport=53,dport=2000") + ",zone=65535,timeout=60",
             // two that collide behind a destination translation: the second one's source port is moved
             "udp," + tuples("src=10.1.0.1,dst=10.2.0.3,sport=1200,dport=53", "src=10.7.0.8,dst=10.1.0.1,sport=53,dport=1200") + ",zone=2,timeout=60",
             "udp," + tuples("src=10.1.0.1,dst=10.2.0.4,sport=1200,dport=53", "src=10.7.0.8,dst=10.1.0.1,sport=53,dport=1201") + ",zone=2,timeout=60",
             "icmp," + tuples(v4 + ",id=77,type=8,code=0", "src=10.2.0.2,dst=10.8.0.8,id=77,type=0,code=0") + ",zone=3,timeout=30",
             "icmp," + tuples(v4 + ",id=78,type=13,code=0", v4_back + ",id=78,type=14,code=0") + ",zone=3,timeout=60",
             "icmpv6," + tuples(v6 + ",id=78,type=128,code=0", "src=fd00::2,dst=fd00::1,id=78,type=129,code=0") + ",zone=3,timeout=60",
             "icmpv6," + tuples(v6 + ",id=79,type=128,code=0", "src=fd00::2,dst=fd00::7,id=79,type=129,code=0") + ",zone=3,timeout=30",
             "sctp," + tuples(v4 + ",sport=0,dport=0", v4_back + ",sport=0,dport=0") + ",zone=4,timeout=30",
             "47," + tuples(v4 + ",sport=0,dport=0", "src=10.2.0.2,dst=10.6.0.6,sport=0,dport=0") + ",zone=4,mark=1,timeout=60",
             "50," + tuples(v6 + ",sport=0,dport=0", "src=fd00::2,dst=fd00::1,sport=0,dport=0") + ",zone=4,timeout=60",
         }) {
        result.push_back(parse(line));
        infer_direction(result.back(), {});
    }
    return result;
}

class ConntrackState : public ConntrackPair {
  protected:
    static void SetUpTestSuite() {
        ConntrackPair::SetUpTestSuite();
        for (auto& one : switches) {
            vsctl(*one, {"set", "port", "br0p3", "tag=30"});
        }
    }
};

TEST_F(ConntrackState, ConnectionsOfAllKindsAreMadeCopiedAndCopiedBack) {
    Kinds kinds = all_kinds();
    Conntrack& kind = *kinds.conntrack;
    Snapshot wanted = to_snapshot(connections_of_all_kinds());
    ASSERT_TRUE(kind.load(a, {wanted, {}, {}}).ok());
    auto made = kind.dump(a);
    ASSERT_TRUE(made.ok()) << made.error().message;
    expect_made(kind, wanted, *made);
    std::vector<std::string_view> names;
    for (const auto& one : kinds.list) {
        names.push_back(one->name());
        copy_and_expect_equal(*one, a, b);
    }
    EXPECT_THAT(names, testing::ElementsAre("generation-id", "fragments", "port-config", "table-config", "tlv-maps", "meters", "groups", "flows",
                                            "conntrack-settings", "conntrack", "bonds", "fdb", "mdb", "user-routes", "route-rules",
                                            "tunnel-settings", "tunnel-neighbours"));
    EXPECT_EQ(*kind.dump(b), *made);
    EXPECT_EQ(copy_and_expect_equal(kind, a, b).report.copied, 0u);

    ASSERT_TRUE(a.call("dpctl/flush-conntrack").ok());
    Copy back = copy_and_expect_equal(kind, b, a);
    EXPECT_EQ(back.report.copied, wanted.size());
}

TEST_F(ConntrackState, EveryKindOfConnectionCanBeRemovedAndChanged) {
    Conntrack kind({}, std::make_shared<SequenceCheck>());
    std::vector<Connection> all = connections_of_all_kinds();
    Snapshot wanted = to_snapshot(all);
    ASSERT_TRUE(kind.load(a, {wanted, {}, {}}).ok());
    copy_and_expect_equal(kind, a, b);
    // Every second one goes, the others get another mark; what collides is left alone.
    Changes changes;
    for (size_t i = 0; i < all.size(); i++) {
        if (all[i].zone == 2) {
            continue;
        }
        if (i % 2) {
            changes.remove.push_back(to_entry(all[i]));
        } else if (all[i].helper.empty()) {
            all[i].mark ^= 0x100;
            changes.change.push_back(to_entry(all[i]));
        }
    }
    for (Snapshot* entries : {&changes.remove, &changes.change}) {
        std::sort(entries->begin(), entries->end(), [](const Entry& x, const Entry& y) { return x.key < y.key; });
    }
    Status loaded = kind.load(b, changes);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    auto now = kind.dump(b);
    ASSERT_TRUE(now.ok()) << now.error().message;
    apply_changes(wanted, changes);
    expect_made(kind, wanted, *now);
    // What is gone already (it may have expired) is no Error.
    Status again = kind.load(b, {{}, {}, changes.remove});
    EXPECT_TRUE(again.ok()) << again.error().message;
    // Back again, which removes and changes in the other direction.
    copy_and_expect_equal(kind, a, b);
    ASSERT_TRUE(a.call("dpctl/flush-conntrack").ok());
    copy_and_expect_equal(kind, a, b);
    EXPECT_TRUE(kind.dump(b)->empty());
}

TEST_F(ConntrackState, LearntNumbersLetRealSegmentsPassTheCheck) {
    constexpr uint32_t client = 0xfffffff0, server = 77'000'000;   // the client's numbers wrap soon
    TcpNumbers real{client, server};
    Connection connection = parse(
        "tcp,orig=(src=10.1.0.1,dst=10.2.0.2,sport=3000,dport=80),reply=(src=10.2.0.2,dst=10.9.0.9,sport=80,dport=7000),zone=9,"
        "protoinfo=(state_orig=ESTABLISHED,state_reply=ESTABLISHED,wscale_orig=7,wscale_reply=9,flags_orig=WINDOW_SCALE,flags_reply=WINDOW_SCALE)");
    bool learnt = false;
    auto check = std::make_shared<SequenceCheck>();
    ConntrackOptions options;
    options.sequences = [&](const Tuple& tuple) -> std::optional<TcpSequence> {
        if (!learnt || tuple != connection.original) {
            return std::nullopt;
        }
        return TcpSequence{.sequence = real.original, .acknowledgement = real.reply};
    };
    Conntrack kind(options, check);
    std::vector<uint8_t> payload(1400, 'x');
    auto segment = [&](bool reply, uint32_t ahead) {
        return build_tcp(reply ? connection.reply : connection.original,
                         {.flags = tcp_ack, .sequence = (reply ? real.reply : real.original) + ahead,
                          .acknowledgement = reply ? real.original : real.reply, .window = 500, .window_scale = std::nullopt,
                          .payload = payload});
    };
    // Without numbers: counted, and the check is suspended.
    ASSERT_TRUE(kind.load(b, {{to_entry(connection)}, {}, {}}).ok());
    EXPECT_EQ(kind.connections_without_numbers(Side::B), 1u);
    EXPECT_TRUE(check->suspended(Side::B));
    EXPECT_FALSE(*SequenceCheck::effective(b));
    EXPECT_TRUE(*check->wanted(b));
    EXPECT_TRUE(passes(b, segment(false, 0)));   // the check is off
    ASSERT_TRUE(b.call("dpctl/ct-enable-tcp-seq-chk").ok());
    ASSERT_TRUE(kind.load(b, {{}, {}, {to_entry(connection)}}).ok());
    ASSERT_TRUE(kind.load(b, {{to_entry(connection)}, {}, {}}).ok());
    ASSERT_TRUE(b.call("dpctl/ct-enable-tcp-seq-chk").ok());
    EXPECT_FALSE(passes(b, segment(false, 0)));   // the negative control

    // Once they are learnt, refresh() makes it anew and has the windows checked again.
    learnt = true;
    ASSERT_TRUE(kind.refresh(b).ok());
    EXPECT_EQ(kind.connections_without_numbers(Side::B), 0u);
    EXPECT_FALSE(check->suspended(Side::B));
    EXPECT_TRUE(*SequenceCheck::effective(b));
    EXPECT_TRUE(passes(b, segment(false, 300'000)));   // within the scaled window
    EXPECT_TRUE(passes(b, segment(true, 100'000)));
    EXPECT_FALSE(passes(b, segment(true, 0x40000000)));

    // Far ahead: the window is moved.
    real.original += 500'000'000;
    real.reply += 900'000'000;
    EXPECT_FALSE(passes(b, segment(false, 0)));
    ASSERT_TRUE(kind.refresh(b).ok());
    EXPECT_TRUE(*SequenceCheck::effective(b));
    EXPECT_TRUE(passes(b, segment(true, 200'000)));
    EXPECT_TRUE(passes(b, segment(false, 200'000)));
}

TEST_F(ConntrackState, SettingsAreCopiedAndASuspendedCheckIsNotOne) {
    Kinds kinds = all_kinds();
    ConntrackSettings settings(kinds.sequence_check);
    ASSERT_TRUE(a.call("dpctl/ct-set-maxconns", {"54321"}).ok());
    ASSERT_TRUE(a.call("dpctl/ct-set-limits", {"zone=5,limit=17"}).ok());
    ASSERT_TRUE(b.call("dpctl/ct-set-limits", {"zone=6,limit=1"}).ok());
    ASSERT_TRUE(a.call("dpctl/ipf-set-disabled", {"v6"}).ok());
    ASSERT_TRUE(a.call("dpctl/ipf-set-min-frag", {"v4", "600"}).ok());
    ASSERT_TRUE(a.call("dpctl/ipf-set-min-frag", {"v6", "1280"}).ok());
    ASSERT_TRUE(a.call("dpctl/ipf-set-max-nfrags", {"77"}).ok());
    copy_and_expect_equal(settings, a, b);
    EXPECT_THAT(*b.call("dpctl/ipf-get-status"), testing::AllOf(testing::HasSubstr("v4 enabled: 1\n"), testing::HasSubstr("v6 enabled: 0\n"),
                                                                testing::HasSubstr("min v4 frag size: 600\n"),
                                                                testing::HasSubstr("min v6 frag size: 1280\n"),
                                                                testing::HasSubstr("max num frags (v4/v6): 77\n")));
    ASSERT_TRUE(a.call("dpctl/ipf-set-enabled", {"v6"}).ok());
    ASSERT_TRUE(a.call("dpctl/ct-set-limits", {"default=1000000"}).ok());
    copy_and_expect_equal(settings, a, b);
    // None is the same as the highest, which is what takes the place of none in versions before 3.3.
    ASSERT_TRUE(a.call("dpctl/ct-set-limits", {"default=4294967295"}).ok());
    copy_and_expect_equal(settings, a, b);
    EXPECT_THAT(*b.call("dpctl/ct-get-limits"), testing::HasSubstr("default limit=4294967295"));
    EXPECT_EQ(*b.call("dpctl/ct-get-maxconns"), "54321\n");

    ASSERT_TRUE(kinds.sequence_check->suspend(b).ok());
    EXPECT_EQ(copy_and_expect_equal(settings, a, b).report.copied, 0u);
    EXPECT_FALSE(*SequenceCheck::effective(b));
    ASSERT_TRUE(kinds.sequence_check->resume(b).ok());
    EXPECT_TRUE(*SequenceCheck::effective(b));

    ASSERT_TRUE(a.call("dpctl/ct-disable-tcp-seq-chk").ok());   // the operator's own wish stays
    copy_and_expect_equal(settings, a, b);
    ASSERT_TRUE(kinds.sequence_check->resume(b).ok());
    EXPECT_FALSE(*SequenceCheck::effective(b));
    ASSERT_TRUE(a.call("dpctl/ct-del-limits", {"zone=5"}).ok());
    ASSERT_TRUE(a.call("dpctl/ct-set-maxconns", {"3000000"}).ok());
    copy_and_expect_equal(settings, a, b);
}

TEST_F(ConntrackState, MacTablesAreCopied) {
    Fdb kind;
    auto bridge = a.openflow("br0");
    ASSERT_TRUE(bridge.ok());
    auto frame = [](uint8_t last, uint16_t vlan) { return build_learning_frame({0x50, 0x54, 0, 0, 0, last}, vlan); };
    ASSERT_TRUE((*bridge)->packet_outs(std::vector<openflow::PacketOut>{{1, frame(1, 0), "NORMAL"}, {2, frame(2, 20), "NORMAL"},
                                                                        {3, frame(3, 0), "NORMAL"}, {0xfffffffe, frame(4, 0), "NORMAL"}}).ok());
    ASSERT_TRUE(a.call("fdb/add", {"br0", "br0p2", "5", "50:54:00:00:00:05"}).ok());
    EXPECT_EQ(kind.dump(a)->size(), 5u);
    EXPECT_EQ(copy_and_expect_equal(kind, a, b).report.copied, 5u);
    // One moves, one that was static becomes dynamic elsewhere, one becomes static.
    ASSERT_TRUE(a.call("fdb/del", {"br0", "5", "50:54:00:00:00:05"}).ok());
    ASSERT_TRUE((*bridge)->packet_outs(std::vector<openflow::PacketOut>{{2, frame(1, 0), "NORMAL"}, {1, frame(5, 5), "NORMAL"}}).ok());
    ASSERT_TRUE(a.call("fdb/add", {"br0", "br0p2", "20", "50:54:00:00:00:02"}).ok());
    EXPECT_EQ(copy_and_expect_equal(kind, a, b).report.copied, 3u);
    EXPECT_EQ(*kind.dump(a), *kind.dump(b));
    ASSERT_TRUE(a.call("fdb/del", {"br0", "20", "50:54:00:00:00:02"}).ok());
    copy_and_expect_equal(kind, a, b);
    expect_equal(kind);
}

TEST_F(ConntrackState, DeltaOfAFewAmongAHundredAndALargeLoad) {
    Conntrack kind({}, std::make_shared<SequenceCheck>());
    auto many = [](size_t count) {
        Snapshot snapshot;
        for (size_t i = 0; i < count; i++) {
            snapshot.push_back(to_entry(parse(fmt::format(
                "udp,orig=(src=10.{0}.{1}.1,dst=10.2.0.2,sport={2},dport=53),reply=(src=10.2.0.2,dst=10.{0}.{1}.1,sport=53,dport={2}),zone=7",
                i >> 16, i >> 8 & 255, 1000 + i % 256))));
        }
        std::sort(snapshot.begin(), snapshot.end(), [](const Entry& x, const Entry& y) { return x.key < y.key; });
        return snapshot;
    };
    ASSERT_TRUE(kind.load(a, {many(100), {}, {}}).ok());
    auto copy = copy_kind(kind, a, b);
    ASSERT_TRUE(copy.ok()) << copy.error().message;
    Snapshot changed = many(5);
    for (Entry& entry : changed) {
        Connection connection = *from_entry(entry);
        connection.mark = 9;
        entry = to_entry(connection);
    }
    ASSERT_TRUE(kind.load(a, {{}, changed, {}}).ok());
    auto report = delta(kind, a, b, *copy);
    ASSERT_TRUE(report.ok()) << report.error().message;
    EXPECT_EQ(report->copied, 5u);
    expect_equal(kind);
    fmt::print("delta of 5 in 100: read {} us, compare {} us, load {} us, refresh {} us\n", report->times.read.count(),
               report->times.compare.count(), report->times.load.count(), report->times.refresh.count());

    Snapshot large = many(20'000);
    auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(kind.load(b, {large, {}, {}}).ok());
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    fmt::print("load: {:.0f} connections/s\n", large.size() / seconds);
    EXPECT_EQ(kind.dump(b)->size(), large.size());
}

}  // namespace
}  // namespace hitless::state

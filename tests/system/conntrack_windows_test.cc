// The sequence numbers of TCP connections that are copied between two real switches: what is known of them, and for how long
// the check of windows is suspended where they are not.
#include "conntrack_pair.h"

namespace hitless::state {
namespace {

// TCP connections of zone 9, established and with a translated source, by their number.
Connection connection_number(unsigned n) {
    return parse(fmt::format(
        "tcp,orig=(src=10.1.0.1,dst=10.2.0.2,sport={0},dport=80),reply=(src=10.2.0.2,dst=10.9.0.9,sport=80,dport={0}),zone=9,"
        "protoinfo=(state_orig=ESTABLISHED,state_reply=ESTABLISHED,wscale_orig=7,wscale_reply=9,flags_orig=WINDOW_SCALE,"
        "flags_reply=WINDOW_SCALE)", 3000 + n));
}

class ConntrackWindows : public ConntrackPair {
  protected:
    // A kind as an upgrade makes one for each copy, of what is kept from one to the next.
    Kinds make_kinds() {
        KindOptions options;
        options.sequence_check = check;
        options.conntrack.copies = copies;
        options.conntrack.sequences = [this](const Tuple& tuple) -> std::optional<TcpSequence> {
            auto numbers = learnt.find(tuple.source_port);
            if (numbers == learnt.end() || tuple.destination_port != 80) {
                return std::nullopt;
            }
            return TcpSequence{.sequence = numbers->second.original, .acknowledgement = numbers->second.reply};
        };
        options.conntrack.passed = [this]() -> Result<Passed> {
            return passed ? *passed : Result<Passed>(make_error("nobody has watched"));
        };
        return all_kinds(std::move(options));
    }
    void make_on_a(unsigned n, const TcpNumbers& numbers) {
        std::vector<openflow::PacketOut> packets;
        ASSERT_TRUE(append_creation(connection_number(n), numbers, packets).ok());
        ASSERT_TRUE((*a.openflow("br0"))->packet_outs(packets).ok());
        learnt[static_cast<uint16_t>(3000 + n)] = numbers;
    }

    static Packet segment(unsigned n, const TcpNumbers& numbers, bool reply) {
        static const std::vector<uint8_t> payload(1400, 'x');
        Connection connection = connection_number(n);
        return build_tcp(reply ? connection.reply : connection.original,
                         {.flags = tcp_ack, .sequence = reply ? numbers.reply : numbers.original,
                          .acknowledgement = reply ? numbers.original : numbers.reply, .window = 500, .window_scale = std::nullopt,
                          .payload = payload});
    }
    static bool pass(instance::Control& control, unsigned n, const TcpNumbers& numbers) {
        return passes(control, segment(n, numbers, false)) && passes(control, segment(n, numbers, true));
    }

    std::shared_ptr<SequenceCheck> check = std::make_shared<SequenceCheck>();
    std::shared_ptr<TcpCopies> copies = std::make_shared<TcpCopies>();
    std::map<uint16_t, TcpNumbers> learnt;   // by the client's port
    std::optional<Passed> passed;
};

// Wherever the windows stand when the numbers become known, ahead of them, behind, or half the sequence space away.
TEST_F(ConntrackWindows, OfTheActiveInstanceAreMovedOnceTheirNumbersAreLearntAndCheckedAgain) {
    Kinds kinds = make_kinds();
    Snapshot wanted;
    for (unsigned n = 0; n < 8; n++) {
        wanted.push_back(to_entry(connection_number(n)));
    }
    ASSERT_TRUE(kinds.conntrack->load(b, {wanted, {}, {}}).ok());
    EXPECT_EQ(kinds.conntrack->connections_without_numbers(Side::B), 8u);
    EXPECT_FALSE(*SequenceCheck::effective(b));
    for (unsigned n = 0; n < 7; n++) {
        learnt[static_cast<uint16_t>(3000 + n)] = {n * 0x20000000u + 12345, 0xfff00000u - n * 0x20000000u};
    }
    ASSERT_TRUE(kinds.conntrack->settle(b, false).ok());
    EXPECT_EQ(kinds.conntrack->connections_without_numbers(Side::B), 1u);
    EXPECT_FALSE(*SequenceCheck::effective(b));   // for the eighth's sake

    ASSERT_TRUE(b.call("dpctl/flush-conntrack", {"zone=9", flush_argument(connection_number(7))}).ok());
    ASSERT_TRUE(kinds.conntrack->settle(b, true).ok());   // sees that it is gone
    EXPECT_EQ(kinds.conntrack->connections_without_numbers(Side::B), 0u);
    EXPECT_TRUE(*SequenceCheck::effective(b));
    EXPECT_FALSE(check->suspended(Side::B));
    for (const auto& [port, numbers] : learnt) {
        unsigned n = port - 3000u;
        EXPECT_TRUE(pass(b, n, numbers)) << n;
        TcpNumbers far{numbers.original + 0x40000000, numbers.reply};
        EXPECT_FALSE(passes(b, segment(n, far, false))) << n;
    }
    auto now = kinds.conntrack->dump(b);
    ASSERT_TRUE(now.ok());
    wanted.pop_back();
    expect_made(*kinds.conntrack, wanted, *now);   // states, marks and scales are as they were
}

TEST_F(ConntrackWindows, AreNotMovedWhileTheConnectionIsStillInUse) {
    Kinds kinds = make_kinds();
    ASSERT_TRUE(kinds.conntrack->load(b, {{to_entry(connection_number(0))}, {}, {}}).ok());
    TcpNumbers real{7'000'000, 9'000'000};
    ASSERT_TRUE(pass(b, 0, real));   // not checked
    learnt[3000] = {real.original - 50'000, real.reply - 50'000};   // learnt a while ago: B is ahead
    ASSERT_TRUE(kinds.conntrack->settle(b, true).ok());
    EXPECT_TRUE(*SequenceCheck::effective(b));
    EXPECT_TRUE(pass(b, 0, {real.original + 1400, real.reply + 1400}));
}

// B is not told apart from a B whose operator does not want the check, unless what is known goes from one copy to the next.
TEST_F(ConntrackWindows, SuspendedCheckOfTheSourceIsCopiedBackAsEnabled) {
    {
        Kinds there = make_kinds();
        ASSERT_TRUE(there.conntrack->load(a, {{to_entry(connection_number(0))}, {}, {}}).ok());
        check->forget(Side::A);   // its own connection, not a copy
        copies->clear(Side::A);
        ASSERT_TRUE(a.call("dpctl/ct-enable-tcp-seq-chk").ok());
        for (auto& kind : there.list) {
            copy_and_expect_equal(*kind, a, b);
        }
        EXPECT_FALSE(*SequenceCheck::effective(b));
    }
    ASSERT_TRUE(a.call("dpctl/flush-conntrack").ok());   // as in a restart
    check->forget(Side::A);
    copies->clear(Side::A);
    Kinds back = make_kinds();
    for (auto& kind : back.list) {
        copy_and_expect_equal(*kind, b, a);
    }
    EXPECT_TRUE(*check->wanted(a));
    EXPECT_TRUE(check->suspended(Side::A));
    EXPECT_EQ(back.conntrack->connections_without_numbers(Side::A), 1u);
    ASSERT_TRUE(a.call("dpctl/flush-conntrack").ok());   // it ends
    ASSERT_TRUE(back.conntrack->settle(a, true).ok());
    EXPECT_TRUE(*SequenceCheck::effective(a));
}

// A was frozen while B forwarded, and has the connections that it had. Nothing is to be loaded, but windows are to be moved.
TEST_F(ConntrackWindows, OfConnectionsThatTheTargetHasItselfFollowThoseOfTheSource) {
    TcpNumbers then{1'000'000, 2'000'000}, now{then.original + 5'000'000, then.reply + 900'000'000};
    for (unsigned n : {0u, 1u}) {
        std::vector<openflow::PacketOut> packets;
        ASSERT_TRUE(append_creation(connection_number(n), then, packets).ok());
        ASSERT_TRUE((*a.openflow("br0"))->packet_outs(packets).ok());
    }
    ASSERT_TRUE(pass(a, 0, then));
    ASSERT_FALSE(pass(a, 0, now));   // the negative control
    {
        Kinds there = make_kinds();
        learnt[3000] = then;
        copy_and_expect_equal(*there.conntrack, a, b);
    }
    learnt[3000] = now;   // the second one is idle, and was never learnt
    Kinds back = make_kinds();
    EXPECT_EQ(copy_and_expect_equal(*back.conntrack, b, a).report.copied, 0u);
    copy_and_expect_equal(*back.conntrack, b, a);   // as the phase verify-back does
    EXPECT_TRUE(*SequenceCheck::effective(a));
    EXPECT_TRUE(pass(a, 0, now));
    EXPECT_TRUE(pass(a, 1, then));
}

TEST_F(ConntrackWindows, FollowTheLastPacketsInAHold) {
    TcpNumbers then{1'000'000, 2'000'000}, now{then.original + 5'000'000, then.reply + 900'000'000};
    make_on_a(0, then);
    make_on_a(1, then);
    Kinds kinds = make_kinds();
    auto copy = copy_and_expect_equal(*kinds.conntrack, a, b);
    ASSERT_FALSE(passes(b, segment(0, now, false)));   // the negative control
    make_on_a(2, then);
    learnt[3000] = now;
    kinds.conntrack->packets_wait();
    ASSERT_TRUE(delta(*kinds.conntrack, a, b, copy).ok());
    EXPECT_TRUE(*SequenceCheck::effective(b));
    EXPECT_TRUE(pass(b, 0, now));
    for (unsigned n : {1u, 2u}) {
        EXPECT_TRUE(pass(b, n, then)) << n;
        EXPECT_FALSE(passes(b, segment(n, now, false))) << n;
    }
}

// If no packet may have made or changed a connection, those whose segments have passed are the only ones that are looked at.
TEST_F(ConntrackWindows, AreAllThatIsBroughtOverInAHoldOfConnectionsThatNothingHasChanged) {
    TcpNumbers then{1'000'000, 2'000'000}, now{then.original + 5'000'000, then.reply + 900'000'000};
    make_on_a(0, then);
    make_on_a(1, then);
    auto hold = [&](std::optional<Passed> has_passed) {
        Kinds kinds = make_kinds();
        auto copy = *copy_kind(*kinds.conntrack, a, b);
        EXPECT_TRUE(kinds.conntrack->arm(a, b, copy.source, copy.target).ok());
        make_on_a(2, then);
        learnt[3000] = learnt[3001] = now;
        passed = std::move(has_passed);
        kinds.conntrack->packets_wait();
        EXPECT_TRUE(delta(*kinds.conntrack, a, b, copy).ok());
        return copy.source.size();
    };
    EXPECT_EQ(hold(Passed{0, {{connection_number(0).original, {.sequence = now.original, .acknowledgement = now.reply}},
                              {connection_number(5).original, {}}}}), 2u);
    EXPECT_TRUE(pass(b, 0, now));
    EXPECT_TRUE(pass(b, 1, then));    // it was not looked at
    EXPECT_FALSE(passes(b, segment(1, now, false)));
    EXPECT_EQ(make_kinds().conntrack->dump(b)->size(), 2u);
    for (const auto& changed : {std::optional(Passed{1, {}}), std::optional<Passed>()}) {
        ASSERT_TRUE(a.call("dpctl/flush-conntrack", {"zone=9", flush_argument(connection_number(2))}).ok());
        EXPECT_EQ(hold(changed), 3u);
        EXPECT_TRUE(pass(b, 1, now));
        EXPECT_TRUE(pass(b, 2, then));
    }
}

}  // namespace
}  // namespace hitless::state

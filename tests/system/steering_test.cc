// Steering between two stock switches under traffic: that no packet is lost, duplicated or reordered by a hand-over, that
// every kind of packet passes both ways, and that nothing is left behind.

#include <arpa/inet.h>

#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>

#include "base/process.h"
#include "datapath/bpf/steer.h"
#include "datapath/steering.h"
#include "eventually.h"
#include "steering_fixture.h"

namespace hitless::test {
namespace {

TEST_P(SteeringTest, LosesAndReordersNothingInManyHandOvers) {
    attach();
    ping_all();
    auto traffic = must(Traffic::start(streams(4000)));
    std::this_thread::sleep_for(300ms);
    auto report = toggle_many(100, 20ms);
    ASSERT_OK(report);
    auto counts = traffic->stop();
    print_times("16,000 packets/s");
    std::cout << "  held " << report->held << "\n";
    EXPECT_EQ(report->dropped, 0u);
    EXPECT_GT(report->held, 0u);
    for (const auto& count : counts) {
        std::cout << "  sent " << count.sent << ", longest delay " << count.longest_delay.count() << " us\n";
        EXPECT_GT(count.sent, 5000u);
        EXPECT_EQ(count.lost, 0u);
        EXPECT_EQ(count.duplicated, 0u);
        EXPECT_EQ(count.reordered, 0u);
    }
    ASSERT_OK(steering_->detach_all());
}

TEST_P(SteeringTest, LosesAndReordersNothingInAThousandTogglesInARow) {
    attach();
    ping_all();
    auto traffic = must(Traffic::start(streams(2000)));
    std::this_thread::sleep_for(100ms);
    auto report = toggle_many(1000, 0ms);
    ASSERT_OK(report);
    auto counts = traffic->stop();
    print_times("8,000 packets/s");
    EXPECT_EQ(report->dropped + report->refused + report->late, 0u);
    EXPECT_GT(report->held, 0u);
    for (const auto& count : counts) {
        EXPECT_GT(count.sent, 1000u);
        EXPECT_EQ(count.received, count.sent);
        EXPECT_EQ(count.lost + count.duplicated + count.reordered, 0u);
    }
    ASSERT_OK(steering_->detach_all());
}

// The negative control: what the hold and the drain are for.
TEST_P(SteeringTest, PlainFlipsLoseOrReorder) {
    attach();
    ping_all();
    int map = bpf_obj_get((bpf_->directory() + "/map_control").c_str());
    ASSERT_GE(map, 0);
    auto* control = static_cast<volatile steer_control*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0));
    ASSERT_NE(control, MAP_FAILED);
    auto traffic = must(Traffic::start(streams(10000)));
    std::this_thread::sleep_for(300ms);
    for (int i = 0; i < 200; i++) {
        control->word = i % 2 ? STEER_DIRECT : STEER_DIRECT | STEER_SIDE_B;
        std::this_thread::sleep_for(5ms);
    }
    uint64_t harmed = 0;
    for (const auto& count : traffic->stop()) {
        harmed += count.lost + count.reordered;
    }
    EXPECT_GT(harmed, 0u);
    std::cout << "lost or reordered in 200 plain flips: " << harmed << "\n";
    ASSERT_OK(steering_->detach_all());
}

TEST_P(SteeringTest, LeavesNothingBehind) {
    attach();
    ping_all();
    ASSERT_OK(toggle(Side::B));
    ping_all();
    EXPECT_FALSE(steering_->detach_all().ok()) << "detached with B active";
    ASSERT_OK(toggle(Side::A));
    ASSERT_NE(devices(), before_);
    ASSERT_OK(steering_->detach_all());
    ASSERT_OK(steering_->detach_all());
    EXPECT_EQ(devices(), before_);
    EXPECT_EQ(pins(), "");
    EXPECT_EQ(programs_attached(), "");
    ping_all();
}

TEST_P(SteeringTest, LeftoversOfADeadProcessAreRemoved) {
    attach();
    EXPECT_NE(programs_attached(), "");
    ASSERT_OK(toggle(Side::B));
    steering_.reset();   // as when the process dies: forwarding goes on
    ping_all();
    ASSERT_OK(datapath::remove_steering_leftovers(options()));
    EXPECT_EQ(programs_attached(), "");
    EXPECT_EQ(pins(), "");
    ping_all();   // A has it again
}

TEST_P(SteeringTest, IsAdoptedWithAllThatThereIs) {
    attach();
    ping_all();
    auto traffic = must(Traffic::start(streams(2000)));
    std::this_thread::sleep_for(200ms);
    ASSERT_OK(toggle(Side::B));
    std::this_thread::sleep_for(200ms);
    auto before = steering_->bond();
    uint64_t held = 0;
    for (int i = 0; i < 3; i++) {
        steering_.reset();   // as when the process dies
        std::this_thread::sleep_for(50ms);
        steering_ = must(datapath::adopt_steering(options()));
        ASSERT_OK(steering_->stitch());
        auto bond = steering_->bond();
        EXPECT_EQ(bond.active, Side::B);
        ASSERT_EQ(bond.members.size(), before.members.size());
        for (size_t member = 0; member < bond.members.size(); member++) {
            EXPECT_EQ(bond.members[member].port.name, before.members[member].port.name);
            EXPECT_EQ(bond.members[member].port.tap, before.members[member].port.tap);
            EXPECT_GT(bond.members[member].counters.to_b, before.members[member].counters.to_b);
            EXPECT_TRUE(bond.members[member].b_attached);
        }
        for (Side to : {Side::A, Side::B}) {
            auto report = toggle(to);
            ASSERT_OK(report);
            held += report->held;
            std::this_thread::sleep_for(50ms);
        }
    }
    EXPECT_GT(held, 0u);
    for (const auto& count : traffic->stop()) {
        EXPECT_GT(count.sent, 1000u);
        EXPECT_EQ(count.lost + count.duplicated + count.reordered, 0u);
    }
    ASSERT_OK(steering_->remove_port("p2"));
    ASSERT_OK(b_->vsctl({"del-port", "p2"}));
    ASSERT_OK(steering_->add_port({"p2", false}));
    ASSERT_OK(b_->add_port("p2"));
    ping_all();
    ASSERT_OK(toggle(Side::A));
    ASSERT_OK(steering_->detach_all());
    EXPECT_EQ(devices(), before_);
    EXPECT_EQ(pins(), "");
    EXPECT_EQ(programs_attached(), "");
}

TEST_P(SteeringTest, AdoptedInAHaltEndsItForTheActiveSide) {
    attach();
    ASSERT_OK(steering_->halt(10s));
    steering_.reset();
    steering_ = must(datapath::adopt_steering(options()));
    EXPECT_FALSE(steering_->bond().halted);
    EXPECT_EQ(steering_->bond().active, Side::A);
    ping_all();
    ASSERT_OK(toggle(Side::B));
    ping_all();
    ASSERT_OK(toggle(Side::A));
    ASSERT_OK(steering_->detach_all());
}

TEST_P(SteeringTest, WhereNothingIsPinnedThereIsNothingToAdopt) {
    auto adopted = datapath::adopt_steering(options());
    ASSERT_FALSE(adopted.ok());
    EXPECT_THAT(adopted.error().message, ::testing::HasSubstr("steering programs of an earlier process"));
}

TEST_P(SteeringTest, ThatTheDeadlineHasPassedIsNotTakenForPacketsThatBSendsItself) {
    attach();
    ping_all();
    ASSERT_OK(toggle(Side::B));
    auto traffic = must(Traffic::start(streams(1000)));
    EXPECT_FALSE(steering_->settle().ok()) << "without a halt";
    ASSERT_OK(steering_->halt(100ms));
    ASSERT_OK(b_sockets_.accept_all([&] { return b_->round_trip(); }, 50ms));
    EXPECT_TRUE(must(steering_->settle()));
    std::this_thread::sleep_for(150ms);
    EXPECT_TRUE(must(steering_->settle()));
    auto late = steering_->release(Side::A);
    ASSERT_FALSE(late.ok());
    EXPECT_THAT(late.error().message, ::testing::HasSubstr("deadline of 100 ms"));
    for (const auto& count : traffic->stop()) {
        EXPECT_EQ(count.lost, 0u);
    }
}

TEST_P(SteeringTest, DeadlineGivesInputBack) {
    attach();
    ping_all();
    auto traffic = must(Traffic::start(streams(1000)));
    ASSERT_OK(steering_->halt(100ms));
    EXPECT_TRUE(steering_->bond().halted);
    std::this_thread::sleep_for(50ms);
    uint64_t to_a = steering_->bond().members[0].counters.to_a;
    std::this_thread::sleep_for(20ms);
    EXPECT_EQ(steering_->bond().members[0].counters.to_a, to_a) << "input passes in the halt";
    std::this_thread::sleep_for(100ms);
    EXPECT_FALSE(steering_->bond().halted);
    EXPECT_GT(steering_->bond().members[0].counters.to_a, to_a) << "input does not pass after the deadline";
    auto late = steering_->release(Side::B);
    ASSERT_FALSE(late.ok());
    EXPECT_THAT(late.error().message, ::testing::HasSubstr("deadline of 100 ms"));
    EXPECT_EQ(steering_->bond().active, Side::A);
    for (const auto& count : traffic->stop()) {
        EXPECT_EQ(count.lost, 0u) << "held packets come late, but come";
        EXPECT_GT(count.received, 100u);
    }
    ASSERT_OK(toggle(Side::B));
    ping_all();
    ASSERT_OK(toggle(Side::A));
    ASSERT_OK(steering_->detach_all());
}

TEST_P(SteeringTest, HaltCanBeCalledOff) {
    attach();
    ping_all();
    auto traffic = must(Traffic::start(streams(2000)));
    for (int i = 0; i < 10; i++) {
        ASSERT_OK(steering_->halt(500ms));
        EXPECT_FALSE(steering_->halt(500ms).ok());
        std::this_thread::sleep_for(10ms);
        ASSERT_OK(steering_->release(Side::A));
        EXPECT_FALSE(steering_->release(Side::A).ok());
    }
    for (const auto& count : traffic->stop()) {
        EXPECT_EQ(count.lost + count.duplicated + count.reordered, 0u);
    }
    ASSERT_OK(steering_->detach_all());
}

// A hold that is too small loses what it has no room for, says so, and ends nevertheless.
TEST_P(SteeringTest, OverflowOfTheHoldIsCounted) {
    hold_packets_ = 50;
    attach();
    ping_all();
    auto traffic = must(Traffic::start(streams(5000)));
    std::this_thread::sleep_for(100ms);
    ASSERT_OK(steering_->halt(2000ms));
    std::this_thread::sleep_for(100ms);
    auto report = steering_->release(Side::A);
    ASSERT_OK(report);
    uint64_t lost = 0;
    for (const auto& count : traffic->stop()) {
        lost += count.lost;
        EXPECT_EQ(count.reordered, 0u);
    }
    EXPECT_GT(report->dropped, 500u);
    // A packet of the hosts' own (ARP, IPv6 router solicitation) may be among the dropped; the streams do not miss it.
    EXPECT_GE(report->dropped, lost);
    EXPECT_LE(report->dropped, lost + 3);
    EXPECT_GT(report->longest_wait, 90ms);
    EXPECT_LT(report->longest_wait, 400ms);
    uint64_t counted = 0;
    for (const auto& member : steering_->bond().members) {
        counted += member.counters.hold_dropped;
        EXPECT_EQ(member.counters.held, member.counters.released + member.counters.hold_dropped);
    }
    EXPECT_EQ(counted, report->dropped);
    ASSERT_OK(steering_->detach_all());
}

// What the holds of all ports may take together is limited, too; and what is refused is no packet to wait for.
TEST_P(SteeringTest, MemoryOfTheHoldsIsLimited) {
    hold_bytes_ = 500 * 1400;
    attach();
    ping_all();
    auto traffic = must(Traffic::start(streams(5000)));
    std::this_thread::sleep_for(100ms);
    EXPECT_EQ(steering_->hold_fill(), 0);
    ASSERT_OK(steering_->halt(2000ms));
    std::this_thread::sleep_for(100ms);
    EXPECT_GT(steering_->hold_fill(), 0.99);
    EXPECT_LE(steering_->hold_fill(), 1.0);
    auto report = steering_->release(Side::B);
    ASSERT_OK(report);
    EXPECT_EQ(steering_->hold_fill(), 0);
    uint64_t lost = 0;
    for (const auto& count : traffic->stop()) {
        lost += count.lost;
        EXPECT_EQ(count.reordered + count.duplicated, 0u);
    }
    EXPECT_EQ(report->dropped, 0u);
    EXPECT_GT(report->refused, 500u);
    EXPECT_GE(report->refused, lost);
    EXPECT_LE(report->refused, lost + 3);   // as above
    EXPECT_GT(report->held, 450u);
    // The room is there again.
    for (Side side : {Side::A, Side::B, Side::A}) {
        auto again = toggle(side);
        ASSERT_OK(again);
        EXPECT_EQ(again->refused, 0u);
    }
    ASSERT_OK(steering_->detach_all());
}

// XDP sees the first part of it only.
TEST_P(SteeringTest, OfALargePacketAllCountsInTheHold) {
    hold_bytes_ = 64 << 20;
    for (int host : {1, 2}) {
        ASSERT_OK(run_checked({"ip", "link", "set", fmt::format("p{}", host), "mtu", "9000"}));
        ASSERT_OK(run_checked({"nsenter", "--net=" + hosts_->path(host), "ip", "link", "set", "eth0", "mtu", "9000"}));
    }
    attach();
    ping_all();
    auto traffic = must(Traffic::start({streams(1000, 8000)[0]}));
    ASSERT_OK(steering_->halt(2000ms));
    std::this_thread::sleep_for(100ms);
    auto packets = static_cast<double>(held());
    EXPECT_GT(packets, 10);
    EXPECT_GT(steering_->hold_fill() * static_cast<double>(hold_bytes_), packets * 8000);
    ASSERT_OK(steering_->release(Side::B));
    for (const auto& count : traffic->stop()) {
        EXPECT_GT(count.sent, 10u);
        EXPECT_EQ(count.lost + count.duplicated + count.reordered, 0u);
    }
    ASSERT_OK(toggle(Side::A));
    ASSERT_OK(steering_->detach_all());
}

// The sum of the numbers that follow 'names' in a file of /proc.
int64_t sum_in(const char* path, const std::set<std::string>& names) {
    int64_t sum = 0;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string name;
        int64_t number = 0;
        if (words >> name >> number && names.contains(name)) {
            sum += number;
        }
    }
    return sum;
}

// What the kernel itself has taken for good in small pieces, of each packet one at least; processes do not count.
int64_t kernel_memory() { return sum_in("/proc/meminfo", {"SUnreclaim:"}) * 1024; }

// Free pages, those that CPUs keep for themselves among them; what other processes do counts.
int64_t free_memory() {
    return sum_in("/proc/meminfo", {"MemFree:"}) * 1024 + sum_in("/proc/zoneinfo", {"count:"}) * ::sysconf(_SC_PAGESIZE);
}

// As many packets as 200,000/s are in one second, in one port's hold at once; and the new side gets them no faster than it
// takes them, though its receive buffer has room for a small part of them.
TEST_P(SteeringTest, HoldsTwoHundredThousandPackets) {
    constexpr uint64_t packets = 200'000;
    constexpr int64_t megabyte = 1'000'000;
    attach();
    ping_all();
    ASSERT_OK(b_sockets_.reduce_receive_buffers(8 << 20));
    steering_->set_receiver(Side::B, [this](const std::string& port) { return b_sockets_.has_room(port); });
    const int64_t before = kernel_memory(), free = free_memory();
    ASSERT_OK(steering_->halt(20s));
    auto began = Clock::now();
    auto burst = must(Burst::send({hosts_->path(1), "10.9.0.1", hosts_->path(2), "10.9.0.2"}, packets));
    double sending_s = ms(Clock::now() - began) / 1000;
    const int64_t taken = kernel_memory() - before, held = free - free_memory();
    auto released = Clock::now();
    auto report = steering_->release(Side::B);
    ASSERT_OK(report);
    double release_s = ms(Clock::now() - released) / 1000;
    auto count = burst->stop();
    EXPECT_EQ(report->dropped + report->refused, 0u);
    EXPECT_GE(report->held, packets);
    EXPECT_EQ(count.sent, packets);
    EXPECT_EQ(count.lost, 0u);
    EXPECT_EQ(count.duplicated + count.reordered, 0u);
    EXPECT_EQ(b_sockets_.dropped(), 0u);
    EXPECT_LT(held, 1500 * megabyte);
    EXPECT_GT(taken, 40 * megabyte) << "not measured";
    std::cout << fmt::format("{} packets sent in {:.2f} s, held in {} MB, released in {:.2f} s\n", packets, sending_s,
                             held / megabyte, release_s);
    ASSERT_OK(toggle(Side::A));
    ASSERT_OK(steering_->detach_all());
    burst.reset();
    EXPECT_TRUE(eventually([&] { return kernel_memory() < before + taken / 2; })) << "memory is not given back";
}

// The queues of taps are shorter than a hold: either side gets packets of the host no faster than it reads them.
TEST_P(SteeringTest, ATapGetsNoMoreThanItsQueueTakes) {
    constexpr uint64_t packets = 40'000;
    attach();
    ping_all();
    for (Side side : {Side::B, Side::A}) {
        ASSERT_OK(steering_->halt(20s));
        auto burst = must(Burst::send({"", "10.9.0.254", hosts_->path(1), "10.9.0.1"}, packets));
        auto report = steering_->release(side);
        ASSERT_OK(report);
        auto count = burst->stop();
        EXPECT_GE(report->held, packets);
        EXPECT_EQ(report->dropped + report->refused, 0u);
        EXPECT_EQ(count.sent, packets);
        EXPECT_EQ(count.lost + count.duplicated + count.reordered, 0u) << "to " << to_string(side);
    }
    ASSERT_OK(steering_->detach_all());
}

// New packets do not wait for ever behind held ones that the new side does not take: they go first then, and all arrive.
TEST_P(SteeringTest, AReleaseEndsThoughPacketsComeFasterThanTheyAreTaken) {
    release_packets_per_second_ = 4000;
    order_limit_ = 300ms;
    attach();
    ping_all();
    auto traffic = must(Traffic::start(streams(2000)));
    ASSERT_OK(steering_->halt(2000ms));
    std::this_thread::sleep_for(20ms);
    auto began = Clock::now();
    auto report = steering_->release(Side::B);
    ASSERT_OK(report);
    EXPECT_GT(Clock::now() - began, order_limit_);
    EXPECT_LT(Clock::now() - began, 3s);
    EXPECT_GT(report->late, 100u);
    uint64_t reordered = 0;
    for (const auto& count : traffic->stop()) {
        EXPECT_EQ(count.lost + count.duplicated, 0u);
        reordered += count.reordered;
    }
    EXPECT_GT(reordered, 0u);
    EXPECT_LE(reordered, report->late);
    ASSERT_OK(toggle(Side::A));
    ASSERT_OK(steering_->detach_all());
}

// One port's socket may be full for long, of packets that come directly.
TEST_P(SteeringTest, APortWithoutRoomKeepsNoOtherFromItsPackets) {
    attach();
    ping_all();
    steering_->set_receiver(Side::B, [](const std::string& port) { return port != "p1"; });
    ASSERT_OK(steering_->halt(2000ms));
    auto p1 = must(Burst::send({hosts_->path(1), "10.9.0.1", hosts_->path(2), "10.9.0.2"}, 1000));
    auto traffic = must(Traffic::start({streams(1000)[1]}));   // into p2
    std::this_thread::sleep_for(50ms);
    auto report = steering_->release(Side::B);
    ASSERT_OK(report);
    EXPECT_GT(report->longest_wait, 1s) << "the port without room was not waited for";
    auto p2 = traffic->stop()[0];
    EXPECT_EQ(p2.lost + p2.reordered, 0u);
    EXPECT_LT(p2.longest_delay, 700ms);
    EXPECT_EQ(p1->stop().lost, 0u);
    ASSERT_OK(toggle(Side::A));
    ASSERT_OK(steering_->detach_all());
}

TEST_P(SteeringTest, JumboFramesPass) {
    attach();
    ping_all();
    auto traffic = must(Traffic::start(streams(500, 8900)));
    ASSERT_OK(toggle_many(10, 50ms));
    expect_intact(*traffic);
    ASSERT_OK(steering_->detach_all());
}

TEST_P(SteeringTest, PacketsOfIpv6Pass) {
    attach();
    ASSERT_OK(enable_ipv6("br0"));
    must(run_checked({"ip", "address", "add", "fd09::254/64", "dev", "br0", "nodad"}));
    // The kernel takes a moment until a new address is of use, and who sends to it meanwhile asks for its neighbour again after a second.
    for (const auto& [from, to] : {std::pair{0, "fd09::1"}, {1, "fd09::254"}, {1, "fd09::2"}, {2, "fd09::1"}}) {
        ASSERT_TRUE(eventually([&, from = from, to = to] { return ping(from, to).ok(); })) << "host " << from << " to " << to;
    }
    std::string h1 = hosts_->path(1), h2 = hosts_->path(2);
    auto traffic = must(Traffic::start({{h1, "fd09::1", h2, "fd09::2", 1400, 1000},
                                        {h2, "fd09::2", h1, "fd09::1", 64, 2000},
                                        {h1, "fd09::1", "", "fd09::254", 64, 1000},
                                        {"", "fd09::254", h1, "fd09::1", 1400, 1000}}));
    std::this_thread::sleep_for(200ms);
    auto report = toggle_many(20, 20ms);
    ASSERT_OK(report);
    EXPECT_GT(report->held, 0u);
    expect_intact(*traffic);
    ASSERT_OK(steering_->detach_all());
}

// The tag travels beside the packet in the kernel, and in it while held.
TEST_P(SteeringTest, TaggedFramesPass) {
    attach();
    std::string h1 = hosts_->path(1), h2 = hosts_->path(2);
    auto traffic = must(Traffic::start({{h1, "", h2, "", 1000, 2000, 7},
                                        {h2, "", h1, "", 64, 2000, 4094},
                                        {h1, "", h2, "", 1400, 1000, 9, 7},     // two tags
                                        {h2, "", h1, "", 64, 1000, 9, 4094}}));
    std::this_thread::sleep_for(200ms);
    auto report = toggle_many(20, 20ms);
    ASSERT_OK(report);
    EXPECT_GT(report->held, 0u);
    expect_intact(*traffic);
    ASSERT_OK(steering_->detach_all());
}

// An IPv4 address as ::ffff:a.b.c.d.
std::array<uint8_t, 16> mapped(const char* address) {
    std::array<uint8_t, 16> bytes{};
    bytes[10] = bytes[11] = 0xff;
    EXPECT_EQ(::inet_pton(AF_INET, address, &bytes[12]), 1);
    return bytes;
}

// The host's stack leaves segmentation and checksums to the device; the tap's leg must not.
TEST_P(SteeringTest, TcpThroughLocalSurvivesHandOversAndIsLearned) {
    attach();
    ping_all();
    ASSERT_OK(steering_->learn_tcp(true));
    TcpTransfer upload("", "10.9.0.254", hosts_->path(1), "10.9.0.1", 5001);
    TcpTransfer download(hosts_->path(2), "10.9.0.2", "", "10.9.0.254", 5002);
    ASSERT_OK(toggle_many(20, 50ms));
    for (auto* transfer : {&upload, &download}) {
        auto result = must(transfer->stop());
        std::cout << "  TCP: " << result.bytes / 1'000'000 << " MB, retransmitted segments: " << result.retransmits << "\n";
        EXPECT_GT(result.bytes, 100'000u);   // it ran; how fast depends on the machine's load
        EXPECT_TRUE(result.intact);

        bool up = transfer == &upload;
        datapath::TcpDirection forth{mapped(up ? "10.9.0.254" : "10.9.0.2"), mapped(up ? "10.9.0.1" : "10.9.0.254"),
                                     result.client_port, transfer->port()};
        auto entry = steering_->learned(forth);
        auto back = steering_->learned({forth.destination, forth.source, forth.destination_port, forth.source_port});
        ASSERT_TRUE(entry && back);
        EXPECT_GE(entry->window_scale, 0);
        // All is said and acknowledged at the end: each side's next is what the other has acknowledged.
        EXPECT_EQ(entry->next_seq, back->ack);
        EXPECT_EQ(back->next_seq, entry->ack);
    }
    ASSERT_OK(steering_->detach_all());
}

TEST_P(SteeringTest, PortsComeAndGo) {
    attach();
    ping_all();
    ASSERT_OK(toggle(Side::B));
    ASSERT_OK(steering_->remove_port("p2"));
    EXPECT_EQ(steering_->bond().members.size(), 2u);
    EXPECT_FALSE(steering_->remove_port("p2").ok());
    auto missing = steering_->add_port({"p9", false});
    ASSERT_FALSE(missing.ok());
    EXPECT_THAT(missing.error().message, ::testing::HasSubstr("port p9: device p9"));
    ASSERT_OK(b_->vsctl({"del-port", "p2"}));
    ASSERT_OK(steering_->add_port({"p2", false}));
    ASSERT_OK(b_->add_port("p2"));
    ping_all();
    ASSERT_OK(toggle(Side::A));
    ping_all();
    ASSERT_OK(steering_->detach_all());
    EXPECT_EQ(devices(), before_);
}

// The others' packets notice nothing of it, whichever side is active.
TEST_P(SteeringTest, TogglesLoseNothingWhilePortsComeAndGo) {
    attach();
    ping_all();
    auto all = streams(2000);
    auto traffic = must(Traffic::start({all[2], all[3]}));   // h1 and LOCAL
    std::this_thread::sleep_for(100ms);
    for (int i = 0; i < 20; i++) {
        ASSERT_OK(steering_->remove_port("p2"));
        ASSERT_OK(b_->vsctl({"del-port", "p2"}));
        ASSERT_OK(toggle(i % 2 ? Side::A : Side::B));
        ASSERT_OK(steering_->add_port({"p2", false}));
        ASSERT_OK(b_->add_port("p2"));
        sockets(*b_) = must(datapath::ProcessSockets::open(b_->pid()));
        ASSERT_OK(sockets(*b_).enlarge_receive_buffers(64 << 20));
        for (int more = 0; more < 4; more++) {
            ASSERT_OK(toggle((i + more) % 2 ? Side::B : Side::A));
        }
    }
    for (const auto& count : traffic->stop()) {
        EXPECT_GT(count.sent, 1000u);
        EXPECT_EQ(count.lost + count.duplicated + count.reordered, 0u);
    }
    ping_all();
    ASSERT_EQ(steering_->bond().active, Side::A);
    ASSERT_OK(steering_->detach_all());
}

TEST_P(SteeringTest, FailedAttachLeavesNothing) {
    auto ports = ports_;
    ports.push_back({"nosuch", false});
    steering_ = must(datapath::make_steering(options()));
    EXPECT_FALSE(steering_->attach(ports).ok());
    EXPECT_EQ(devices(), before_);
    EXPECT_EQ(pins(), "");
    EXPECT_EQ(programs_attached(), "");
}

INSTANTIATE_TEST_SUITE_P(Method, SteeringTest, ::testing::Values(TcMethod::automatic, TcMethod::clsact),
                         [](const auto& info) { return info.param == TcMethod::clsact ? "Clsact" : "Automatic"; });

// What a process there takes for the time is not what programs in the kernel measure by.
TEST(SteeringInATimeNamespace, HasTheSameDeadlines) {
    if (!std::getenv("HITLESS_IN_NAMESPACES")) {
        GTEST_SKIP() << "to be run by tests/in-namespaces";
    }
    if (!std::filesystem::exists("/proc/self/timens_offsets")) {
        GTEST_SKIP() << "the kernel has no time namespaces";
    }
    const auto own = std::filesystem::read_symlink("/proc/self/exe").string();
    for (const char* offset : {"100000", "-1"}) {
        auto run = run_checked({"unshare", "--fork", "--time", "--monotonic", offset, own,
                                "--gtest_filter=Method/SteeringTest.DeadlineGivesInputBack/*"});
        ASSERT_TRUE(run.ok()) << offset << ": " << run.error().message;
        EXPECT_NE(run->find("[  PASSED  ] 2 tests."), std::string::npos) << *run;
    }
}

}  // namespace
}  // namespace hitless::test

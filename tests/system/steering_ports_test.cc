// What steering is put on: as many ports as a switch may have, devices with several queues, ports with ingress policing or another
// XDP program, and a switch that leaves segmentation to its devices (userspace-tso).
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include "steering_fixture.h"

namespace hitless::test {
namespace {

using testing::HasSubstr;

class Ports : public SteeringTest {};

// Devices with the other end in another namespace, for as long as the object exists.
class ManyDevices {
  public:
    explicit ManyDevices(size_t count)
        : links_(must(datapath::Links::open())), peers_(must(datapath::NamedNamespace::create("/run/netns/peers"))) {
        Fd peers = must(datapath::open_namespace(peers_.path()));
        for (size_t i = 0; i < count; i++) {
            std::string name = fmt::format("m{}", i);
            ports_.push_back({name, false});
            EXPECT_TRUE(links_.make_pair(name, 1500, {.name = name, .namespace_fd = peers.get(), .mac = {}, .mtu = 1500}).ok());
            EXPECT_TRUE(links_.change(name, {.up = true, .mtu = {}, .tx_queue_length = {}}).ok());
        }
    }
    ~ManyDevices() {
        std::vector<std::string> names;
        std::ranges::transform(ports_, std::back_inserter(names), &Port::name);
        EXPECT_TRUE(links_.remove(names).ok());
    }
    std::span<const Port> first(size_t count) const { return std::span(ports_).first(count); }

  private:
    datapath::Links links_;
    datapath::NamedNamespace peers_;
    std::vector<Port> ports_;
};

// As many as a switch may have. One store moves them all.
TEST_P(Ports, AttachIsLinearInTheNumberOfPortsAndAToggleConstant) {
    ManyDevices devices(256);
    struct Times {
        double attach, toggle;
    };
    auto measure = [&](size_t count) -> Times {
        steering_ = must(datapath::make_steering(options()));
        auto start = Clock::now();
        EXPECT_TRUE(steering_->attach(devices.first(count)).ok());
        auto attached = Clock::now();
        EXPECT_EQ(steering_->bond().members.size(), count);
        std::vector<double> toggles;
        for (int i = 0; i < 21; i++) {
            auto begin = Clock::now();
            EXPECT_TRUE(steering_->halt(500ms).ok());
            EXPECT_TRUE(steering_->release(i % 2 ? Side::A : Side::B).ok());
            toggles.push_back(ms(Clock::now() - begin));
        }
        EXPECT_TRUE(steering_->halt(500ms).ok() && steering_->release(Side::A).ok());
        auto detaching = Clock::now();
        EXPECT_TRUE(steering_->detach_all().ok());
        std::nth_element(toggles.begin(), toggles.begin() + 10, toggles.end());
        std::cout << fmt::format("{} ports: attach {:.0f} ms, halt and release {:.2f} ms (median of {}), detach {:.0f} ms\n", count,
                                 ms(attached - start), toggles[10], toggles.size(), ms(Clock::now() - detaching));
        return {ms(attached - start), toggles[10]};
    };
    Times few = measure(32), many = measure(256);   // 8 times as many
    EXPECT_LT(many.attach, 3 * 3000);   // three times what a machine takes that does nothing else
    EXPECT_LT(many.attach, 20 * few.attach);
    EXPECT_LT(many.toggle, 3 * few.toggle + 1);
}

// The last byte of the address from which the next ICMP echo request has come. 0: none came within half a second.
int next_request(const Fd& socket) {
    for (auto deadline = Clock::now() + 500ms; Clock::now() < deadline;) {
        unsigned char packet[2000] = {};
        sockaddr_ll from = {};
        socklen_t size = sizeof from;
        ssize_t n = ::recvfrom(socket.get(), packet, sizeof packet, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size);
        bool request = n > 34 && packet[23] == IPPROTO_ICMP && packet[34] == ICMP_ECHO;
        if (request && from.sll_pkttype != PACKET_OUTGOING) {
            return packet[29];
        }
    }
    return 0;
}

TEST_P(Ports, ThePacketThatHasWaitedLongestIsReleasedFirst) {
    attach();
    ping_all();
    Fd b_namespace = must(datapath::open_namespace(b_namespace_->path()));
    Fd socket = must(datapath::in_namespace(b_namespace.get(), []() -> Result<Fd> {
        return Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
    }));
    ASSERT_OK(steering_->halt(2s));
    auto ping = [&](int from, const char* to) {
        must(run_program({"nsenter", "--net=" + hosts_->path(from), "ping", "-c", "1", "-W", "0.1", to}));
    };
    ping(2, "10.9.0.1");
    ping(1, "10.9.0.2");
    ASSERT_OK(sockets(*a_).accept_all([&] { return a_->round_trip(); }, 400ms));
    ASSERT_GE(must(steering_->release(Side::B)).held, 2u);
    EXPECT_EQ(next_request(socket), 2);
    int second = next_request(socket);
    while (second == 2) {   // B floods it to its LOCAL port as long as it does not know the other host
        second = next_request(socket);
    }
    EXPECT_EQ(second, 1);
    ASSERT_OK(toggle(Side::A));
    ASSERT_OK(steering_->detach_all());
}

class SeveralQueues : public Ports {
  protected:
    SeveralQueues() { hosts_options_.queues = 4; }
};

TEST_P(SeveralQueues, ManyFlowsKeepTheirOrder) {
    ASSERT_TRUE(std::filesystem::exists("/sys/class/net/p1/queues/tx-3"));
    attach();
    ping_all();
    std::vector<Traffic::Stream> flows;
    for (int i = 0; i < 16; i++) {
        for (const auto& stream : streams(125)) {
            flows.push_back(stream);
        }
    }
    auto traffic = must(Traffic::start(flows));
    std::this_thread::sleep_for(200ms);
    auto report = must(toggle_many(20, 20ms));
    EXPECT_GT(report.held, 0u);
    EXPECT_EQ(report.late + report.dropped + report.refused, 0u);
    expect_intact(*traffic);
    ASSERT_OK(steering_->detach_all());
}

// As a stock switch does for ingress_policing_rate, in the place of clsact's: with TCX both have theirs. (What it puts there, to police
// with, not every kernel has.)
void add_ingress_queueing_discipline() { must(run_checked({"tc", "qdisc", "add", "dev", "p1", "handle", "ffff:", "ingress"})); }

std::string queueing_disciplines() { return must(run_checked({"tc", "qdisc", "show", "dev", "p1"})); }

class Policing : public Ports {};
class PolicingWithClsact : public Ports {};

TEST_P(Policing, OfAPortGoesOnWithTcx) {
    steering_ = must(datapath::make_steering(options()));
    if (auto tcx = steering_->attach(ports_); !tcx.ok()) {
        GTEST_SKIP() << "this kernel has no TCX: " << tcx.error().message;
    }
    ASSERT_OK(steering_->detach_all());
    add_ingress_queueing_discipline();
    const auto before = queueing_disciplines();
    EXPECT_THAT(before, HasSubstr("ingress ffff:"));
    attach();
    ping_all();
    auto traffic = must(Traffic::start(streams(1000)));
    ASSERT_OK(toggle_many(4, 50ms));
    EXPECT_EQ(queueing_disciplines(), before);
    expect_intact(*traffic);
    // A change of its rate. The kernel itself loses what leaves by the port meanwhile.
    ASSERT_OK(run_checked({"tc", "qdisc", "delete", "dev", "p1", "ingress"}));
    add_ingress_queueing_discipline();
    ping_all();
    ASSERT_OK(toggle(Side::B));
    ping_all();
    ASSERT_OK(toggle(Side::A));
    ASSERT_OK(steering_->detach_all());
    EXPECT_EQ(queueing_disciplines(), before);
}

TEST_P(PolicingWithClsact, OfAPortIsRefused) {
    add_ingress_queueing_discipline();
    const auto before = queueing_disciplines(), devices_before = devices();
    steering_ = must(datapath::make_steering(options()));
    auto attached = steering_->attach(ports_);
    ASSERT_FALSE(attached.ok());
    EXPECT_THAT(attached.error().message, HasSubstr("port p1: device p1: tc ingress program: cannot be attached"));
    EXPECT_THAT(attached.error().message, HasSubstr("ingress policing"));
    EXPECT_EQ(queueing_disciplines(), before);
    EXPECT_EQ(devices(), devices_before);
    ping_all();
}

TEST_P(Ports, WithAnXdpProgramOfSomebodyElseAreRefused) {
    const bpf_insn pass[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
    Fd program(bpf_prog_load(BPF_PROG_TYPE_XDP, "somebodys", "GPL", pass, 2, nullptr));
    ASSERT_TRUE(program);
    const int p1 = static_cast<int>(::if_nametoindex("p1"));
    ASSERT_EQ(bpf_xdp_attach(p1, program.get(), XDP_FLAGS_SKB_MODE, nullptr), 0);
    steering_ = must(datapath::make_steering(options()));
    auto attached = steering_->attach(ports_);
    ASSERT_FALSE(attached.ok());
    EXPECT_THAT(attached.error().message, HasSubstr("port p1: device p1: XDP program"));
    EXPECT_THAT(attached.error().message, HasSubstr("another XDP program"));
    EXPECT_EQ(devices(), before_);
    ASSERT_EQ(bpf_xdp_detach(p1, XDP_FLAGS_SKB_MODE, nullptr), 0);
    attach();
    ping_all();
    ASSERT_OK(steering_->detach_all());
}

class UserspaceTso : public Ports {
  protected:
    UserspaceTso() {
        switch_settings_ = {"other_config:userspace-tso-enable=true"};
        hosts_options_.offloads = true;
    }
};

// The switch gets segments of up to 64 kB and checksums that are not there yet, and so does the hold.
TEST_P(UserspaceTso, SegmentsPassUncutAndIntact) {
    attach();
    ping_all();
    TcpTransfer across(hosts_->path(1), "10.9.0.1", hosts_->path(2), "10.9.0.2", 5001);
    TcpTransfer upload("", "10.9.0.254", hosts_->path(1), "10.9.0.1", 5002);
    TcpTransfer download(hosts_->path(2), "10.9.0.2", "", "10.9.0.254", 5003);
    auto report = must(toggle_many(20, 50ms));
    EXPECT_EQ(report.dropped + report.refused + report.late, 0u);
    for (auto* transfer : {&across, &upload, &download}) {
        auto result = must(transfer->stop());
        std::cout << "  TCP: " << result.bytes / 1'000'000 << " MB, retransmitted segments: " << result.retransmits << "\n";
        EXPECT_GT(result.bytes, 100'000u);
        EXPECT_TRUE(result.intact);
    }
    ASSERT_OK(steering_->detach_all());
}

constexpr auto name_of = [](const auto& info) { return info.param == TcMethod::clsact ? "Clsact" : "Automatic"; };

INSTANTIATE_TEST_SUITE_P(Method, Ports, ::testing::Values(TcMethod::automatic, TcMethod::clsact), name_of);
INSTANTIATE_TEST_SUITE_P(Method, Policing, ::testing::Values(TcMethod::tcx), name_of);
INSTANTIATE_TEST_SUITE_P(Method, PolicingWithClsact, ::testing::Values(TcMethod::clsact), name_of);
INSTANTIATE_TEST_SUITE_P(Method, SeveralQueues, ::testing::Values(TcMethod::automatic), name_of);
INSTANTIATE_TEST_SUITE_P(Method, UserspaceTso, ::testing::Values(TcMethod::automatic), name_of);

}  // namespace
}  // namespace hitless::test

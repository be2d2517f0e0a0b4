// Steering between two stock switches under traffic: that no packet is lost, duplicated or reordered by a hand-over, that
// every kind of packet passes both ways, and that nothing is left behind.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bpf/bpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "base/process.h"
#include "datapath/bpf/steer.h"
#include "datapath/bpf_filesystem.h"
#include "datapath/host_settings.h"
#include "datapath/links.h"
#include "datapath/steering.h"
#include "steering_lab.h"

namespace hitless::test {
namespace {

using namespace std::chrono_literals;
using datapath::Port;
using datapath::Steering;
using datapath::TcMethod;
using Clock = std::chrono::steady_clock;

#define ASSERT_OK(EXPRESSION)                                       \
    do {                                                            \
        auto&& status_ = (EXPRESSION);                              \
        ASSERT_TRUE(status_.ok()) << status_.error().message;       \
    } while (0)

template <typename T>
T must(Result<T> result) {
    if (!result.ok()) {
        throw std::runtime_error(result.error().message);
    }
    return std::move(*result);
}

double ms(Clock::duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

std::string percentiles(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.empty() ? "none" : fmt::format("median {:.3f} ms, maximum {:.3f} ms", values[values.size() / 2], values.back());
}

class SteeringTest : public ::testing::TestWithParam<TcMethod> {
  protected:
    static constexpr int host_count = 2;

    void SetUp() override {
        if (!std::getenv("HITLESS_IN_NAMESPACES")) {
            GTEST_SKIP() << "to be run by tests/in-namespaces";
        }
        directory_ = std::filesystem::path(std::getenv("TMPDIR")) / "st";
        std::filesystem::create_directories(directory_);
        must(settings_set());
        bpf_ = std::make_unique<datapath::BpfFilesystem>(must(datapath::BpfFilesystem::mount(directory_ + "/bpf")));
        hosts_ = must(Hosts::make(host_count));
        b_namespace_ = std::make_unique<datapath::NamedNamespace>(must(datapath::NamedNamespace::create("/run/netns/b")));
        a_ = must(StockSwitch::start(directory_ + "/a", "", "02:00:00:00:09:fe"));
        for (int i = 1; i <= host_count; i++) {
            ASSERT_OK(a_->add_port(fmt::format("p{}", i)));
            ports_.push_back({fmt::format("p{}", i), false});
        }
        ports_.push_back({"br0", true});
        must(run_checked({"ip", "address", "add", "10.9.0.254/16", "dev", "br0"}));
        must(run_checked({"ip", "link", "set", "br0", "up"}));
        before_ = devices();
    }

    void TearDown() override {
        steering_.reset();
        a_.reset();
        b_.reset();
        if (!directory_.empty()) {
            // The taps of a killed vswitchd stay.
            auto links = must(datapath::Links::open());
            for (const char* device : {"p1", "p2", "br0", "ovs-netdev"}) {
                EXPECT_TRUE(links.remove(device).ok()) << device;
            }
            bpf_.reset();
            std::filesystem::remove_all(directory_);
        }
    }

    Result<int> settings_set() {
        TRY(settings_.set(datapath::rcu_expedited, "1"));
        return 0;
    }

    datapath::SteeringOptions options() const {
        datapath::SteeringOptions options;
        options.bpf_directory = bpf_->directory();
        options.b_namespace = b_namespace_->path();
        options.tc_method = GetParam();
        return options;
    }

    // Steering on all ports, and the standby behind it.
    void attach() {
        steering_ = must(datapath::make_steering(options()));
        ASSERT_OK(steering_->attach(ports_));
        b_ = must(StockSwitch::start(directory_ + "/b", b_namespace_->path(), "02:00:00:00:09:fe"));
        for (const Port& port : ports_) {
            if (!port.tap) {
                ASSERT_OK(b_->add_port(port.name));
            }
        }
        ASSERT_OK(steering_->stitch());
        for (auto* instance : {a_.get(), b_.get()}) {
            sockets(*instance) = must(datapath::ProcessSockets::open(instance->pid()));
            ASSERT_EQ(sockets(*instance).packet_sockets(), static_cast<size_t>(host_count));
            ASSERT_EQ(sockets(*instance).taps(), 1u);
            ASSERT_OK(sockets(*instance).enlarge_receive_buffers(64 << 20));
        }
    }

    datapath::ProcessSockets& sockets(StockSwitch& instance) { return &instance == a_.get() ? a_sockets_ : b_sockets_; }

    // One whole hand-over; its three times are added to the lists.
    Result<datapath::ReleaseReport> toggle(Side to) {
        StockSwitch& from = to == Side::A ? *b_ : *a_;
        auto start = Clock::now();
        TRY(steering_->halt(500ms));
        auto halted = Clock::now();
        TRY(sockets(from).drain([&] { return from.round_trip(); }, 400ms));
        auto drained = Clock::now();
        auto report = TRY(steering_->release(to));
        auto released = Clock::now();
        halts_.push_back(ms(halted - start));
        drains_.push_back(ms(drained - halted));
        releases_.push_back(ms(released - drained));
        wholes_.push_back(ms(released - start));
        waits_.push_back(ms(report.longest_wait));
        return report;
    }

    std::vector<Traffic::Stream> streams(double packets_per_second, size_t size = 64) const {
        std::string h1 = hosts_->path(1), h2 = hosts_->path(2);
        double rate = packets_per_second;
        return {{h1, "10.9.0.1", h2, "10.9.0.2", size, rate},
                {h2, "10.9.0.2", h1, "10.9.0.1", size, rate},
                {h1, "10.9.0.1", "", "10.9.0.254", size, rate},
                {"", "10.9.0.254", h1, "10.9.0.1", size, rate}};
    }

    void ping_all() {
        for (const auto& [from, to] : {std::pair{1, "10.9.0.2"}, {1, "10.9.0.254"}, {2, "10.9.0.254"}}) {
            ProgramOptions inside;
            inside.network_namespace = hosts_->path(from);
            auto ping = run_checked({"ping", "-c", "3", "-i", "0.05", "-W", "2", to}, inside);
            ASSERT_TRUE(ping.ok()) << "host " << from << " to " << to << ": " << ping.error().message;
        }
    }

    static std::string devices() {
        std::string names;
        for (const auto& link : must(must(datapath::Links::open()).list())) {
            names += fmt::format("{} {} {} {}\n", link.ifindex, link.name, link.mtu, link.tx_queue_length);
        }
        return names + must(run_checked({"tc", "qdisc", "show"}));
    }

    void print_times(const char* what) const {
        std::cout << what << ": " << wholes_.size() << " hand-overs\n  halt    " << percentiles(halts_) << "\n  drain   "
                  << percentiles(drains_) << "\n  release " << percentiles(releases_) << "\n  whole   "
                  << percentiles(wholes_) << "\n  wait    " << percentiles(waits_) << "\n";
    }

    std::string directory_;
    datapath::HostSettings settings_;
    std::unique_ptr<datapath::BpfFilesystem> bpf_;
    std::unique_ptr<datapath::NamedNamespace> b_namespace_;
    std::unique_ptr<Hosts> hosts_;
    std::unique_ptr<StockSwitch> a_, b_;
    std::unique_ptr<Steering> steering_;
    datapath::ProcessSockets a_sockets_, b_sockets_;
    std::vector<Port> ports_;
    std::string before_;
    std::vector<double> halts_, drains_, releases_, wholes_, waits_;
};

TEST_P(SteeringTest, LosesAndReordersNothingInManyHandOvers) {
    attach();
    ping_all();
    auto traffic = must(Traffic::start(streams(4000)));
    std::this_thread::sleep_for(300ms);
    uint64_t held = 0, dropped = 0;
    for (int i = 0; i < 100; i++) {
        auto report = toggle(i % 2 ? Side::A : Side::B);
        ASSERT_OK(report);
        held += report->held;
        dropped += report->dropped;
        std::this_thread::sleep_for(20ms);
    }
    auto counts = traffic->stop();
    print_times("16,000 packets/s");
    std::cout << "  held " << held << "\n";
    EXPECT_EQ(dropped, 0u);
    EXPECT_GT(held, 0u);
    for (const auto& count : counts) {
        std::cout << "  sent " << count.sent << ", longest delay " << count.longest_delay.count() << " us\n";
        EXPECT_GT(count.sent, 5000u);
        EXPECT_EQ(count.lost, 0u);
        EXPECT_EQ(count.duplicated, 0u);
        EXPECT_EQ(count.reordered, 0u);
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

INSTANTIATE_TEST_SUITE_P(Method, SteeringTest, ::testing::Values(TcMethod::automatic, TcMethod::clsact),
                         [](const auto& info) { return info.param == TcMethod::clsact ? "Clsact" : "Automatic"; });

}  // namespace
}  // namespace hitless::test

// The fixture of steering_test.cc: hosts behind the ports of a stock switch A, and a standby B in a namespace of its own.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include "base/process.h"
#include "datapath/bpf_filesystem.h"
#include "datapath/host_settings.h"
#include "datapath/links.h"
#include "datapath/steering.h"
#include "steering_lab.h"

namespace hitless::test {

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

inline double ms(Clock::duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

inline std::string percentiles(std::vector<double> values) {
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
        hosts_ = must(Hosts::make(host_count, hosts_options_));
        b_namespace_ = std::make_unique<datapath::NamedNamespace>(must(datapath::NamedNamespace::create("/run/netns/b")));
        a_ = must(StockSwitch::start(directory_ + "/a", "", "02:00:00:00:09:fe", switch_settings_));
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
            EXPECT_TRUE(links.remove({"p1", "p2", "br0", "ovs-netdev"}).ok());
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
        options.hold_packets_per_port = hold_packets_;
        options.hold_bytes = hold_bytes_;
        options.release_packets_per_second = release_packets_per_second_;
        options.order_limit = order_limit_;
        return options;
    }

    // Steering on all ports, and the standby behind it.
    void attach() {
        steering_ = must(datapath::make_steering(options()));
        ASSERT_OK(steering_->attach(ports_));
        b_ = must(StockSwitch::start(directory_ + "/b", b_namespace_->path(), "02:00:00:00:09:fe", switch_settings_));
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
        TRY(sockets(from).accept_all([&] { return from.round_trip(); }, 400ms));
        if (!TRY(steering_->settle())) {
            return make_error("the switch has sent itself packets");
        }
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

    // So many, there and back, with a pause after each. What became of the packets in all of them together.
    Result<datapath::ReleaseReport> toggle_many(int times, std::chrono::milliseconds pause) {
        datapath::ReleaseReport all;
        for (int i = 0; i < times; i++) {
            auto report = TRY(toggle(i % 2 ? Side::A : Side::B));
            all.held += report.held;
            all.dropped += report.dropped;
            all.refused += report.refused;
            all.late += report.late;
            std::this_thread::sleep_for(pause);
        }
        return all;
    }

    std::vector<Traffic::Stream> streams(double packets_per_second, size_t size = 64) const {
        std::string h1 = hosts_->path(1), h2 = hosts_->path(2);
        double rate = packets_per_second;
        return {{h1, "10.9.0.1", h2, "10.9.0.2", size, rate},
                {h2, "10.9.0.2", h1, "10.9.0.1", size, rate},
                {h1, "10.9.0.1", "", "10.9.0.254", size, rate},
                {"", "10.9.0.254", h1, "10.9.0.1", size, rate}};
    }

    // From host 'from' (0: from LOCAL) to an address.
    Status ping(int from, const std::string& to) {
        ProgramOptions inside;
        if (from) {
            inside.network_namespace = hosts_->path(from);
        }
        TRY(run_checked({"ping", "-c", "3", "-i", "0.05", "-W", "2", to}, inside));
        return {};
    }

    void ping_all() {
        for (const auto& [from, to] : {std::pair{1, "10.9.0.2"}, {1, "10.9.0.254"}, {2, "10.9.0.254"}}) {
            auto reached = ping(from, to);
            ASSERT_TRUE(reached.ok()) << "host " << from << " to " << to << ": " << reached.error().message;
        }
    }

    // Packets that have been held at all ports since attach().
    uint64_t held() const {
        uint64_t packets = 0;
        for (const auto& member : steering_->bond().members) {
            packets += member.counters.held;
        }
        return packets;
    }

    static void expect_intact(Traffic& traffic) {
        auto counts = traffic.stop();
        for (size_t i = 0; i < counts.size(); i++) {
            const auto& count = counts[i];
            SCOPED_TRACE(fmt::format("stream {}: sent {}, lost {}, the first number {}", i, count.sent, count.lost, count.first_lost));
            EXPECT_GT(count.sent, 50u);
            EXPECT_EQ(count.received, count.sent);
            EXPECT_EQ(count.lost + count.duplicated + count.reordered, 0u);
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

    // What bpftool shows on devices of our namespace; empty: nothing.
    static std::string programs_attached() {
        std::string found;
        std::string text = must(run_checked({"bpftool", "net", "show"}));
        for (size_t at = 0; at < text.size();) {
            size_t end = std::min(text.find('\n', at), text.size());
            std::string line = text.substr(at, end - at);
            if (!line.empty() && line.back() != ':') {
                found += line + "\n";
            }
            at = end + 1;
        }
        // This bpftool may be too old to show TCX.
        for (const auto& link : must(must(datapath::Links::open()).list())) {
            found += tcx_programs(link.name, link.ifindex);
        }
        return found;
    }

    std::string pins() const {
        std::string found;
        for (const auto& entry : std::filesystem::directory_iterator(bpf_->directory())) {
            std::string name = entry.path().filename();
            // The kernel's own, with CONFIG_BPF_PRELOAD.
            found += name.ends_with(".debug") ? "" : name + "\n";
        }
        return found;
    }

    static std::string tcx_programs(const std::string& device, unsigned ifindex);

    HostsOptions hosts_options_;                    // to be set before SetUp()
    std::vector<std::string> switch_settings_;      // the same, of both
    uint32_t hold_packets_ = 262'144;
    uint64_t hold_bytes_ = uint64_t{1} << 30;
    uint32_t release_packets_per_second_ = 250'000;
    std::chrono::milliseconds order_limit_{5000};
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

}  // namespace hitless::test

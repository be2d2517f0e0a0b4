// Phase soak: B forwards, A is frozen and can be back in milliseconds. Watched: that B's process lives and runs, that packets
// which go in come out as they did with A, and that it does not take more and more memory.
//
// Phase soak-back: A, restarted from the new software, forwards, and B, which is silent, can be back in milliseconds. What runs on
// B has proved itself; A is watched for just long enough to see that packets come out of it as they did of B. One that does not take
// its packets loses none for the time being (a switch without its database polls no port until it is connected again, a second later):
// it gets some time for that.
#include "upgrade/phases.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 10ms;            // for a process that ends or is stopped
constexpr auto kSample = 100ms;
constexpr uint64_t kFewPackets = 10;    // in a sample: too few to judge by
constexpr size_t kMegabyte = 1 << 20;
constexpr uint64_t kLeastPacket = 256;  // bytes that a packet takes in a receive buffer
constexpr auto kStallLimit = 3s;        // for A not to take its packets

struct Totals {
    uint64_t received = 0, sent = 0;
};

Totals totals(const datapath::Bond& bond, Side side) {
    Totals sum;
    for (const auto& member : bond.members) {
        const auto& c = member.counters;
        sum.received += side == Side::A ? c.to_a : c.to_b;
        sum.sent += side == Side::A ? c.from_a : c.from_b;
    }
    return sum;
}

// Of what 'side' has received lately, 'waiting_bytes' wait in its receive buffers.
Status check_forwarding(const datapath::Bond& bond, Side side, uint64_t waiting_bytes, const journal::SoakPolicy& policy, Health& sampled) {
    auto now = std::chrono::steady_clock::now();
    if (sampled.usual_ratio == 0) {   // the first look
        sampled.forwarded = now;
        Totals before = totals(bond, other(side));
        sampled.usual_ratio = before.received ? static_cast<double>(before.sent) / static_cast<double>(before.received) : -1;
    }
    Totals all = totals(bond, side);
    uint64_t received = all.received - sampled.received, sent = all.sent - sampled.sent;
    sampled.received = all.received;
    sampled.sent = all.sent;
    double usual = static_cast<double>(received) * sampled.usual_ratio;
    sampled.silent = received >= kFewPackets && static_cast<double>(sent) * 100 < usual * policy.forwards_percent;
    if (!sampled.silent || waiting_bytes >= received * kLeastPacket) {
        sampled.forwarded = now;
    } else if (now - sampled.forwarded >= policy.silence) {
        return make_error("{} does not forward: of {} packets received in {} ms it sent {}, where {} would have sent {:.0f}",
                          to_string(side), received, kSample.count(), sent, to_string(other(side)), usual);
    }
    return {};
}

datapath::Bond bond_of(Pair& pair) {
    std::lock_guard lock(pair.steering_mutex);
    return pair.steering->bond();
}

Status check_memory(const Process& b, const journal::SoakPolicy& policy, Health& sampled) {
    if (!policy.memory_megabytes) {
        return {};
    }
    size_t bytes = TRY(b.resident_bytes());
    if (sampled.first_memory_bytes == 0) {
        sampled.first_memory_bytes = bytes;
    }
    if (bytes > sampled.first_memory_bytes + policy.memory_megabytes * kMegabyte) {
        return make_error("B's ovs-vswitchd (process {}) takes {} MB of memory, and took {} MB at first", b.pid(),
                          bytes / kMegabyte, sampled.first_memory_bytes / kMegabyte);
    }
    return {};
}

}  // namespace

Status check_running(const Pair& pair) {
    if (!pair.b || !pair.b->running()) {
        return make_error("B's ovs-vswitchd has ended");
    }
    if (pair.b->process().stopped()) {
        return make_error("B's ovs-vswitchd (process {}) is stopped", pair.b->process().pid());
    }
    return {};
}

Status check_health(Pair& pair, Health& sampled) {
    TRY(check_running(pair));
    if (std::chrono::steady_clock::now() < sampled.next) {
        return {};
    }
    sampled.next = std::chrono::steady_clock::now() + kSample;
    const auto& policy = pair.settings.soak;
    if (policy.silence.count() > 0 && pair.active == Side::B) {
        TRY(check_forwarding(bond_of(pair), Side::B, 0, policy, sampled));
    }
    auto memory = check_memory(pair.b->process(), policy, sampled);
    if (!memory) {
        TRY(check_running(pair));   // of one that has just ended there is nothing to read
    }
    return memory;
}

Status run_soak(Step& step) {
    auto length = step.request.soak ? *step.request.soak : step.pair.settings.soak.length;
    auto end = std::chrono::steady_clock::now() + length;
    Health sampled;
    (void) check_health(step.pair, sampled).ok();   // where the counters stand
    while (std::chrono::steady_clock::now() < end) {
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        step.stop.wait(std::min<std::chrono::milliseconds>(kLook, left));
        TRY(step.stop.check());
        TRY(check_health(step.pair, sampled));
    }
    return {};
}

// As long as silence fails it, and, where it is silent in the end, until that is decided.
Status run_soak_back(Step& step) {
    auto& pair = step.pair;
    const auto& policy = pair.settings.soak;
    if (policy.silence.count() == 0) {
        return {};
    }
    const auto& a = pair.a.process();
    auto end = std::chrono::steady_clock::now() + policy.silence;
    Health sampled;
    uint64_t waiting = 0;
    for (;;) {
        if (!a.alive() || a.stopped()) {
            return make_error("A's ovs-vswitchd (process {}) {}", a.pid(), a.alive() ? "is stopped" : "has ended: its log may say why");
        }
        auto now = std::chrono::steady_clock::now();
        if (now >= sampled.next) {
            sampled.next = now + kSample;
            waiting = pair.a_sockets->waiting_bytes();
            TRY(check_forwarding(bond_of(pair), Side::A, waiting, policy, sampled));
        }
        if (now >= end + kStallLimit) {
            return make_error("A does not take its packets: {} kB of them wait", waiting >> 10);
        }
        if (now >= end && !sampled.silent) {
            return {};
        }
        std::this_thread::sleep_for(kLook);
    }
}

}  // namespace hitless::upgrade

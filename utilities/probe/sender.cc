#include "probe/sender.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

namespace hitless::probe {

int64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

int64_t realtime_ns() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

namespace {

constexpr size_t kBatch = 64;
constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kTick = kMillisecond / 5;             // bounds the wake-ups of high rates
constexpr int64_t kWarmUpInterval = 20 * kMillisecond;
constexpr size_t kWarmUpBurst = 16;                     // streams

void sleep_until(int64_t when_ns) {
    const timespec when{static_cast<time_t>(when_ns / 1'000'000'000), static_cast<long>(when_ns % 1'000'000'000)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nullptr);
}

// Packets prepared for one sendmmsg().
class Batch {
  public:
    explicit Batch(const SenderOptions& options) : run_(options.run), data_(kBatch * options.size_bytes) {
        for (size_t i = 0; i < kBatch; ++i) {
            vectors_[i] = {data_.data() + i * options.size_bytes, options.size_bytes};
            messages_[i].msg_hdr.msg_iov = &vectors_[i];
            messages_[i].msg_hdr.msg_iovlen = 1;
        }
    }

    // Sends 'count' (at most kBatch) packets numbered from 'sequence'. Returns how many went, or -1.
    int send(Stream& stream, PacketKind kind, uint64_t sequence, size_t count, Address& peer) {
        const int64_t now = realtime_ns();
        for (size_t i = 0; i < count; ++i) {
            const Payload payload{run_, sequence + i, now, stream.index, kind, {}};
            std::memcpy(vectors_[i].iov_base, &payload, sizeof payload);
            messages_[i].msg_hdr.msg_name = &peer.storage;
            messages_[i].msg_hdr.msg_namelen = peer.length;
        }
        const int sent = ::sendmmsg(stream.send_socket, messages_.data(), count, MSG_DONTWAIT);
        if (sent > 0 && kind == PacketKind::measured) {
            if (sequence == 0) {
                stream.first_sent_ns = now;
            }
            stream.last_sent_ns = now;
        }
        return sent;
    }

  private:
    uint64_t run_;
    std::vector<std::byte> data_;
    std::array<iovec, kBatch> vectors_{};
    std::array<mmsghdr, kBatch> messages_{};
};

// When each packet of a stream is due.
struct Schedule {
    double start_ns;
    double interval_ns;

    int64_t due(uint64_t sequence) const {
        return static_cast<int64_t>(start_ns + static_cast<double>(sequence) * interval_ns);
    }
    // How many packets are due at 'now' in all.
    uint64_t due_count(int64_t now) const {
        const double elapsed = static_cast<double>(now) - start_ns;
        return elapsed < 0 ? 0 : static_cast<uint64_t>(elapsed / interval_ns) + 1;
    }
};

// Sends what is due. Returns when the next packet is.
int64_t send_due(Stream& stream, Schedule& schedule, Batch& batch) {
    const uint64_t most = std::max<uint64_t>(1, static_cast<uint64_t>(kMillisecond / schedule.interval_ns));
    const int64_t now = monotonic_ns();
    uint64_t sent = stream.sent.load(std::memory_order_relaxed);
    uint64_t due = schedule.due_count(now);
    if (due > sent) {
        const int64_t late = now - schedule.due(sent);
        stream.faults.latest_ns = std::max(stream.faults.latest_ns, late);
        if (late > kMillisecond) {
            ++stream.faults.late_sends;
        }
    }
    if (due > sent + most) {
        const uint64_t skipped = due - sent - most;
        schedule.start_ns += static_cast<double>(skipped) * schedule.interval_ns;
        stream.faults.skipped += skipped;
        due = sent + most;
    }
    std::optional<Address> peer = due > sent ? stream.peer() : std::nullopt;
    while (peer && sent < due) {
        const int count = batch.send(stream, PacketKind::measured, sent, std::min<uint64_t>(due - sent, kBatch), *peer);
        if (count <= 0) {
            ++stream.faults.send_errors;
            break;
        }
        sent += static_cast<uint64_t>(count);
        stream.sent.store(sent, std::memory_order_relaxed);
    }
    return schedule.due(sent);
}

void warm_up(const Streams& streams, Batch& batch, const std::atomic<Phase>& phase) {
    for (uint64_t round = 0; phase == Phase::warm_up; ++round) {
        for (size_t i = 0; i < streams.size(); ++i) {
            if (std::optional<Address> peer = streams[i]->peer()) {
                batch.send(*streams[i], PacketKind::warm_up, round, 1, *peer);
            }
            if (i % kWarmUpBurst == kWarmUpBurst - 1) {   // many flows' first packets take a switch longer than its later ones
                sleep_until(monotonic_ns() + kMillisecond);
            }
        }
        sleep_until(monotonic_ns() + kWarmUpInterval);
    }
}

}  // namespace

void send_streams(const Streams& streams, const SenderOptions& options, const std::atomic<Phase>& phase) {
    prctl(PR_SET_TIMERSLACK, 1000UL);
    Batch batch(options);
    warm_up(streams, batch, phase);

    // Streams start at different times of the interval, so that their packets do not come in bunches.
    const double interval = 1e9 / options.rate_pps;
    const double start = static_cast<double>(monotonic_ns());
    std::vector<Schedule> schedules;
    for (size_t i = 0; i < streams.size(); ++i) {
        schedules.push_back({start + interval * static_cast<double>(i) / static_cast<double>(streams.size()), interval});
    }
    std::vector<int64_t> next_due(streams.size(), 0);
    while (phase == Phase::measure) {
        int64_t next = INT64_MAX;
        const int64_t now = monotonic_ns();
        for (size_t i = 0; i < streams.size(); ++i) {
            if (next_due[i] <= now) {
                next_due[i] = send_due(*streams[i], schedules[i], batch);
            }
            next = std::min(next, next_due[i]);
        }
        sleep_until(std::max(next, monotonic_ns() + kTick));
    }
}

}  // namespace hitless::probe

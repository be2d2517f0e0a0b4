#include "upgrade/windows.h"

#include "base/openvswitch.h"

VLOG_DEFINE_THIS_MODULE(hitless_windows);

namespace hitless::upgrade {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kStep(1), kLook(5);   // not more often

}  // namespace

UncheckedConnections::UncheckedConnections(Side active, instance::ControlPaths paths, WindowState windows,
                                           state::SequenceLookup sequences, std::function<void()> done)
    : active_(active), control_(active, std::move(paths)), windows_(std::move(windows)), sequences_(std::move(sequences)),
      done_(std::move(done)), count_(std::make_shared<std::atomic<size_t>>(windows_.unchecked(active))),
      thread_([this] { loop(); }) {}

UncheckedConnections::~UncheckedConnections() {
    end_thread();
    if (*count_) {
        VLOG_WARN("%s goes on without a check of TCP sequence numbers, for the sake of %zu connections: when they have ended, use "
                  "ovs-appctl dpctl/ct-enable-tcp-seq-chk", std::string(to_string(active_)).c_str(), count_->load());
    }
    if (done_) {
        done_();
    }
}

WindowState UncheckedConnections::give_up() {
    end_thread();
    *count_ = 0;
    done_ = nullptr;
    return std::move(windows_);
}

void UncheckedConnections::end_thread() {
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
    }
    stopped_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

// False when there is nothing more to do.
bool UncheckedConnections::settle(state::Conntrack& conntrack, bool look) {
    std::string name(to_string(active_));
    auto settled = conntrack.settle(control_, look);
    if (!settled) {   // the instance has ended, and its connections with it
        VLOG_WARN("TCP sequence check of %s: %s", name.c_str(), settled.error().message.c_str());
        *count_ = 0;
        return false;
    }
    *count_ = windows_.unchecked(active_);
    if (!*count_) {
        VLOG_INFO("%s checks the sequence numbers of TCP connections again: there are none left whose numbers are not known", name.c_str());
    }
    return *count_;
}

void UncheckedConnections::loop() {
    state::ConntrackOptions options;
    options.copies = windows_.copies;
    options.sequences = sequences_;
    state::Conntrack conntrack(std::move(options), windows_.check);
    Pace step(kStep), look(kLook);
    look.took({});   // they have just been copied
    for (bool more = true; more;) {
        std::unique_lock lock(mutex_);
        if (stopped_.wait_for(lock, kStep, [this] { return stop_; })) {
            return;
        }
        lock.unlock();
        bool looks = look.due();
        if (!looks && (!sequences_ || !step.due())) {
            continue;
        }
        auto began = Clock::now();
        more = settle(conntrack, looks);
        (looks ? look : step).took(Clock::now() - began);
    }
    if (auto done = std::exchange(done_, nullptr)) {
        done();
    }
}

}  // namespace hitless::upgrade

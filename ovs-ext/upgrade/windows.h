// The TCP window checks that are suspended because connections were copied whose sequence numbers are not known: for as long as
// there are such connections, and by whom.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "instance/control.h"
#include "state/conntrack.h"

namespace hitless::upgrade {

// What both instances' connections are known by; goes from a pair to what watches A after it, and to the next pair.
struct WindowState {
    std::shared_ptr<state::SequenceCheck> check = std::make_shared<state::SequenceCheck>();
    std::shared_ptr<state::TcpCopies> copies = std::make_shared<state::TcpCopies>();

    // Of connections that 'side' has and for which it does not check windows.
    size_t unchecked(Side side) const { return check->suspended(side) ? copies->unknown(side) : 0; }
    // The instance is another process now, without connections.
    void forget(Side side) {
        check->forget(side);
        copies->clear(side);
    }
};

// When something that costs the instance time is to be done next: never more than a thousandth of the time. At once, at first.
class Pace {
  public:
    explicit Pace(std::chrono::milliseconds least) : least_(least) {}

    bool due() const { return std::chrono::steady_clock::now() >= next_; }
    void took(std::chrono::steady_clock::duration duration) {
        next_ = std::chrono::steady_clock::now() + std::max<std::chrono::steady_clock::duration>(least_, 1000 * duration);
    }

  private:
    std::chrono::milliseconds least_;
    std::chrono::steady_clock::time_point next_{};
};

// Looks after the active instance: moves the windows of connections whose numbers have been learned meanwhile, asks it now and then
// which of the others have ended, and has it check windows again when none is left. On a thread of its own, with a session of its
// own with the instance: who watches it must not wait for its answers. While it runs, nobody else may use what it knows of that side.
//
// The instance forwards nothing while it answers: its receive buffers must be as large as in an upgrade.
class UncheckedConnections {
  public:
    // 'sequences' is empty where no program is at the ports, after the pair; what it uses outlives this object. 'done' (may be
    // empty) is called once, at the end of it (but for give_up()), on any thread.
    UncheckedConnections(Side active, instance::ControlPaths paths, WindowState windows, state::SequenceLookup sequences,
                         std::function<void()> done);
    ~UncheckedConnections();

    // How many there are, for whose sake windows are not checked.
    std::shared_ptr<const std::atomic<size_t>> count() const { return count_; }

    // Ends it, for somebody who goes on with what is known. Waits for the answer to a question that is under way.
    WindowState give_up();

  private:
    void loop();
    bool settle(state::Conntrack& conntrack, bool look);
    void end_thread();

    Side active_;
    instance::Control control_;
    WindowState windows_;
    state::SequenceLookup sequences_;
    std::function<void()> done_;
    std::shared_ptr<std::atomic<size_t>> count_;
    std::mutex mutex_;
    std::condition_variable stopped_;
    bool stop_ = false;
    std::thread thread_;   // the last: uses the others
};

}  // namespace hitless::upgrade

// Which instance ovs-ofctl and OVN reach at the operator's <rundir>/<bridge>.mgmt and .snoop.
//
// Directed to the standby, NAME is a symbolic link to the standby's socket and A's socket has the name NAME.hitless-a; every
// change is one rename(2), so that no moment is without a socket at NAME. A that is restarted unlinks NAME and binds a socket
// there; A that ends unlinks NAME, whatever is there. So while directed to the standby a thread watches the directory and puts
// the links back: at once where A has bound, so that a client reaches A for some microseconds at most; 50 ms later where
// A has only unlinked, because A that starts would find the name taken between its unlink(2) and its bind(2), and does not try again.
// On a busy machine more than that may lie between the two: whoever starts A says so (a_starts()).
//
// In a hand-over NAME leads to a socket of ours beside the standby's, at which nobody answers: what programs wanted of either
// instance then would not be in the other. Once it is known which side is the active one they get there through a relay.
//
// One thread at a time, but for a_starts().
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/relay.h"

namespace hitless::control {

class MgmtLinks {
  public:
    // Run directories of the operator's switch and of the standby.
    MgmtLinks(std::string a_directory, std::string b_directory);
    // Leaves the sockets as they are directed: clients must reach the active instance also while the daemon is restarted.
    ~MgmtLinks();
    MgmtLinks(const MgmtLinks&) = delete;
    MgmtLinks& operator=(const MgmtLinks&) = delete;

    // Directs the sockets of 'bridges' to the standby, and keeps them there until point_to_a(). Bridges of an earlier call that
    // are not among them are forgotten (A has removed, or will never again bind, their sockets). May be called again at any
    // time, also in whatever state a crash left.
    Status point_to_b(std::vector<std::string> bridges);

    // Directs all of them to A again. Where A has no socket (it does not run), nothing is left.
    Status point_to_a();

    // Has those who connect to the sockets of 'bridges' wait, until either of the above lets them in to its side. Ends the
    // connections of those who waited before.
    Status hold(std::vector<std::string> bridges);

    // Through it go the connections of those who waited: they last as long as it does. None: nobody was made to wait.
    std::shared_ptr<Relay> relay() const { return relay_; }

    // While A starts nothing is put where it has to bind.
    void a_starts(bool starts) { a_starts_ = starts; }

    // Path of A's own management socket of 'bridge', wherever the operator's is directed.
    std::string a_mgmt(const std::string& bridge) const;
    std::string b_mgmt(const std::string& bridge) const;

    // Directs everything in 'a_directory' to A that a killed daemon left otherwise.
    static Status repair(const std::string& a_directory);

  private:
    class Watch;

    Status direct(std::vector<std::string> bridges, const std::string& suffix);
    Status let_in(const std::string& directory);

    std::string a_directory_, b_directory_;
    std::vector<std::string> bridges_;   // not directed to A
    std::vector<std::string> held_;      // names of sockets at which some may wait
    std::shared_ptr<Relay> relay_;
    std::atomic<bool> a_starts_ = false;
    std::unique_ptr<Watch> watch_;
};

}  // namespace hitless::control

// Carries between the operator's database and B's while B is active, so that ovs-vsctl works on the operator's as ever:
// changes of the configuration to B's, and B's status back, with cur_cfg, for which ovs-vsctl waits.
//
// cur_cfg goes back only when B's ovs-vswitchd has set it: B's next_cfg arrives there in one transaction with the change, so
// B has then taken that change. What is carried, and what is B's own, says replication.h.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace hitless::ovsdb {

struct ReplicatorOptions {
    std::string operators_server, b_server;   // paths of the ovsdb-servers' sockets
    // A is the active instance: nothing is carried back, and B's ports get the OpenFlow port numbers that A has given.
    bool b_stands_by = false;

    // Called on the replicator's thread (during start(): on the caller's).
    //
    // An interface is about to be added to B: makes its leg. A tap (internal port) has no device yet; another interface has one or
    // not: where there is none, B is to find none too, and says so in the interface's 'error' as A would. An Error is
    // passed on to 'problem', and the interface added all the same.
    std::function<Status(const std::string& name, bool is_tap)> port_added;
    // B has opened interfaces of which port_added() was told. Called before B's status, for which ovs-vsctl waits, is carried: what
    // their packets need is to be done here. An Error is passed on to 'problem'.
    std::function<Status()> ports_opened;
    // An interface is gone from B's configuration: removes its leg.
    std::function<void(const std::string& name)> port_removed;
    // Something could not be carried: a lost connection, a refused transaction. It is tried again each second; said once.
    std::function<void(const std::string& text)> problem;
};

class Replicator {
  public:
    // Connects to both servers, carries over all differences there are, and goes on in a thread of its own. Error when a
    // server does not answer or B's refuses the configuration.
    static Result<std::unique_ptr<Replicator>> start(ReplicatorOptions options);

    // Carries what the operator has changed until now, gives B two seconds to take it, carries its status back, ends the thread.
    // A server that is being restarted has two seconds to answer again. Error when that could not be done; the thread has ended
    // all the same. Once only.
    Status stop();

    Replicator(const Replicator&) = delete;
    ~Replicator();   // stops

  private:
    class Worker;
    explicit Replicator(std::unique_ptr<Worker> worker);
    std::unique_ptr<Worker> worker_;
};

}  // namespace hitless::ovsdb

// The phases of an operation, each in a file of its own, and the remedies when one fails. Called by SwitchSite alone, on the
// conductor's thread.
#pragma once

#include <span>

#include "control/front.h"
#include "ovsdb/clone.h"
#include "upgrade/conductor.h"
#include "upgrade/pair.h"

namespace hitless::upgrade {

// What a phase works with.
struct Step {
    Pair& pair;
    const Places& places;
    control::Front& front;
    journal::Journal& journal;
    Agent& operator_agent;   // speaks for the operator
    Agent& a;
    Agent& b;
    const Request& request;
    StopFlag& stop;
    const Site::Update& update;

    Agent& agent(Side side) { return side == Side::A ? a : b; }
    // In the summary and in the journal; what is said again, once.
    void warn(const std::string& text);
    // In the journal: 'side', which has a process, is now "active", "standby" or "frozen".
    Status enter_role(Side side, const std::string& role);
};

// Where software for 'a' may come from.
software::Sources sources_of(const Places& places, const instance::OperatorSwitch& a, const journal::Config& settings);

Status run_fetch(Step& step);
Status run_standby(Step& step);
Status run_copy(Step& step, Side from);
Status run_verify(Step& step, Side from);
Status run_hold(Step& step, Side from);
Status run_commit(Step& step, Side from);
Status run_soak(Step& step);
Status run_reprogram(Step& step);
Status run_thaw(Step& step);
Status run_soak_back(Step& step);
Status run_retire(Step& step);

// What phases and a restored pair (restoration.h) have in common.

instance::StandbyOptions standby_options(Pair& pair, const Places& places);
datapath::SteeringOptions steering_options(const Pair& pair, const Places& places);
// A release gives an instance no more than its sockets have room for.
void pace_releases(Pair& pair);
void open_control(Pair& pair, const Places& places);

// Holds keep away from when the two instances write their statistics, as far as that is seen from now on. The databases of both are served.
Status watch_statistics(Pair& pair);
// The neighbours of taps among 'ports' outlast the change of A's processes.
Status keep_neighbours(Step& step, std::span<const datapath::Port> ports);
// How B is to have the bridges of pair.config, with pair.controllers parked.
Result<ovsdb::ClonePlan> clone_plan(const Pair& pair, const Places& places);
// A is kept from its controllers: a stand-in answers it.
Status shut_gate(Pair& pair, const Places& places);
// B's bridges connect to the operator's controllers.
Status activate_controllers(Pair& pair);
// A has ended: the daemon takes its place where tools look for it.
Status stand_in_for_a(Pair& pair, control::Front& front);
// Starts an A that has ended. It is silent, and knows nothing.
Status revive_a(Step& step);
// A, if it still runs, is told of all devices again, and its packet sockets have receive buffers of 'bytes'; 0: they stay as they are.
Status put_sockets_back(pid_t a, int bytes);

// Remedies.

// Ends a hold: held packets go back to 'side', which was active.
Status call_off(Step& step, Side side);
// Packets to A at once, with the state that A has: B has failed.
Status roll_back_at_once(Step& step);
// Packets to B at once, with the state that B has: A has failed, and B still runs. Then as start_from_old().
Status take_back(Step& step);
// The old software in place again, A started from it. put_back() where A may not have been touched yet.
Status put_back(Step& step);
Status start_from_old(Step& step);

// Whether B's process runs: neither ended nor stopped. Costs microseconds.
Status check_running(const Pair& pair);

// The same, and whether B does not grow and, when it is active, does its work. An Error says what is wrong. 'sampled' keeps what the next call
// compares with; packets are counted and memory is read every 100 ms, however often it is called. What fails B, the pair's
// settings say.
struct Health {
    std::chrono::steady_clock::time_point next{};
    uint64_t received = 0, sent = 0;
    std::chrono::steady_clock::time_point forwarded{};   // it was last seen to forward enough, or had nothing to forward
    bool silent = false;                                 // it was not, when last looked at
    double usual_ratio = 0;                              // packets sent per packet received, of the other instance
    size_t first_memory_bytes = 0;                       // of B, when it was first looked at
};
Status check_health(Pair& pair, Health& sampled);

}  // namespace hitless::upgrade

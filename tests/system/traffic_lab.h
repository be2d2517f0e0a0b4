// For upgrade_test.cc: the lab of utilities/ovs-hitless-lab with ovs-hitlessd on its switch, and traffic that is counted. Failures of
// what a test takes for granted are exceptions.
#pragma once

#include <json/value.h>

#include <future>
#include <map>
#include <string>
#include <vector>

#include "base/process.h"

namespace hitless::test {

using Words = std::vector<std::string>;

// Of a file; empty if it cannot be read.
std::string contents(const std::string& file);

// What an upgrade must leave as it was, each as text.
using Snapshot = std::map<std::string, std::string>;

// A stock switch with hosts; ovs-hitless-lab(8) tells what is where. Everything ends with the object.
class TrafficLab {
  public:
    // 'lab_options' are of 'ovs-hitless-lab up'. The directory 'small' of it is a file system of its own, of 64 MB.
    explicit TrafficLab(const Words& lab_options = {}, const std::string& small = "");
    ~TrafficLab();
    TrafficLab(const TrafficLab&) = delete;

    std::string path(const std::string& name) const { return directory_ + "/" + name; }
    std::string node(const std::string& name) const { return path("netns/" + name); }
    // A directory with another build of Open vSwitch than the switch runs.
    std::string new_software() const { return path("new"); }
    // A directory with the installed ovs-vswitchd, into which the shared library is linked.
    std::string faulty_software(const std::string& library) const;
    void lab(const Words& command) const;   // ovs-hitless-lab COMMAND[0] DIR...

    // On the host of the switch, in its environment.
    ProgramOutput run(const Words& argv) const;
    std::string checked(const Words& argv) const;
    std::string ofctl(const Words& arguments) const;    // over OpenFlow 1.5
    std::string vsctl(const Words& arguments) const;
    // Sets keys of other_config in the database hitless.
    void configure(const std::map<std::string, std::string>& settings) const;
    // Plain ovs-appctl, as an operator types it: at the switch's own control socket.
    ProgramOutput appctl(const Words& arguments) const;
    std::future<ProgramOutput> appctl_meanwhile(const Words& arguments) const;
    Json::Value appctl_json(const Words& arguments) const;

    Json::Value status() const { return appctl_json({"hitless/status"}); }
    std::string state() const { return status()["state"].asString(); }
    // Waits until the operation that runs is in one of 'phases'; false when it ended first.
    bool wait_for_phase(const Words& phases) const;
    // Of a lab with two bridges more: joins them by a veth whose ends are ports of theirs. Returns a flow by it (LabTraffic).
    std::string join_bridges() const;
    pid_t switch_pid() const;
    pid_t b_pid() const;
    pid_t daemon_pid() const;
    // There is one from the beginning. 'environment' is more of it, each 'name=value'.
    void start_daemon(const Words& environment = {}) const;
    void kill_daemon() const;                           // and waits until it is gone
    std::string software_of(pid_t pid) const;           // SHA-256 of what it runs
    // The kernel's rcu_expedited is the whole host's, and other labs change it, too: from now on there is a file of this lab, with
    // 'value', in its place.
    void make_rcu_expedited_private(const std::string& value);
    // Devices, queueing disciplines, programs, mounts, settings, niceness, files, ports, flows, connections through NAT.
    Snapshot snapshot() const;

  private:
    std::string files() const;
    std::string settings() const;
    std::string daemon_programs() const;

    std::string directory_;
    ProgramOptions inside_;     // for programs of the switch's host
    bool rcu_expedited_is_private_ = false;
};

// Parsed, or an exception with the text.
Json::Value parse_json(const std::string& text);

// Numbered UDP packets both ways through NAT and without, TCP connections through NAT, and ping through NAT, from when the object
// is made (all have got through by then) to stop().
class LabTraffic {
  public:
    struct Count {
        uint64_t sent = 0, lost = 0, duplicated = 0, reordered = 0, address_changes = 0;
        double blackout_ms = 0;
        uint64_t receive_drops = 0;     // by this machine after the switch had delivered them: it was too busy to measure
        std::vector<uint64_t> lost_by_stream;   // of UDP, in the order of the flows; 'both' makes two of one
        std::string losses;                     // which packets of which stream, as text
        uint64_t tcp_connections = 0, tcp_alive = 0, tcp_corrupted = 0;
        uint64_t pings = 0, pings_lost = 0, pings_duplicated = 0, pings_reordered = 0;
    };

    // 'flows' are more arguments for --flow of ovs-hitless-probe(8).
    explicit LabTraffic(const TrafficLab& lab, const Words& flows = {});
    ~LabTraffic();
    LabTraffic(const LabTraffic&) = delete;

    Count stop();

  private:
    std::future<Result<std::string>> start(Words argv, const std::string& node, const std::string& ready);
    void stop_all();

    const TrafficLab& lab_;
    std::string directory_;
    std::vector<std::future<Result<std::string>>> programs_;    // ping is the last
};

}  // namespace hitless::test

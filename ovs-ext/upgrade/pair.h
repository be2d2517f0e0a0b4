// The pair: everything there is while A has a standby B. Made by the phases preflight to standby, taken away by retire; what
// the other phases work on.
//
// Members are declared in the order in which they are made, so that destruction takes them away in the right one.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/precedence.h"
#include "control/controllers_plan.h"
#include "control/dummy_controller.h"
#include "control/gate.h"
#include "control/mgmt_links.h"
#include "control/pidfile_holder.h"
#include "datapath/b_namespace.h"
#include "datapath/bpf_filesystem.h"
#include "datapath/host_settings.h"
#include "datapath/process_sockets.h"
#include "datapath/promiscuous.h"
#include "datapath/routing_copy.h"
#include "datapath/steering.h"
#include "instance/control.h"
#include "instance/operator_switch.h"
#include "instance/standby_switch.h"
#include "journal/journal.h"
#include "ovsdb/replicator.h"
#include "ovsdb/statistics_watch.h"
#include "ovsdb/switch_config.h"
#include "software/release.h"
#include "state/copy.h"
#include "state/flow_timeouts.h"
#include "state/kinds.h"
#include "upgrade/agent.h"
#include "upgrade/b_controllers.h"
#include "upgrade/notes.h"
#include "upgrade/pair_record.h"
#include "upgrade/windows.h"

namespace hitless::upgrade {

// Where things are on this host.
struct Places {
    std::filesystem::path rundir;      // of the operator's switch (OVS_RUNDIR)
    std::filesystem::path logdir;      // OVS_LOGDIR
    std::filesystem::path statedir;    // ours, survives a reboot: kept releases
    std::filesystem::path schema;      // hitless.ovsschema
    std::filesystem::path keyrings;    // of those who may sign software
    bool allow_unverified = false;     // software from a URL need not be verified

    std::filesystem::path own() const { return rundir / "hitless"; }   // made for a pair, gone after it
    std::filesystem::path b_rundir() const { return own() / "b"; }
    std::filesystem::path bpf() const { return own() / "bpf"; }
    std::filesystem::path b_namespace() const { return own() / "netns-b"; }
    std::filesystem::path record() const { return own() / "pair"; }
    std::filesystem::path timed_flows() const { return own() / "timed-flows"; }
    std::filesystem::path counters() const { return statedir / "counters"; }
    std::filesystem::path releases() const { return statedir / "releases"; }
    // Software is run from here: on most hosts nothing can be from /run, which is mounted noexec; and nobody else writes here.
    std::filesystem::path staging() const { return statedir / "software"; }          // of the pair
    std::filesystem::path adding() const { return statedir / "software-to-keep"; }     // of hitless/release-add
    std::filesystem::path checking() const { return statedir / "software-to-check"; }  // of hitless/check
};

// What is changed on the host besides settings (which go by their paths), as the journal names it.
inline const std::string kReceiveBuffers = "receive buffers of ovs-vswitchd";

// What other threads may know of a pair. Whether the processes live and run, they ask these themselves.
struct PairView {
    Side active = Side::A;
    std::shared_ptr<const Process> a, b;   // null: none, or it had ended
    std::string a_version, b_version;
    std::filesystem::path a_executable, b_executable;
    size_t a_unchecked = 0, b_unchecked = 0;   // TCP connections for whose sake windows are not checked
    std::shared_ptr<const std::atomic<size_t>> active_unchecked;   // of the active instance, while it is looked after
    std::shared_ptr<state::SequenceCheck> check;   // whether they check TCP windows, or only not now
    std::string a_unixctl, b_unixctl;     // their control sockets
    std::vector<std::string> bridges;
};

// The conductor's thread alone uses it, but for what says otherwise.
struct Pair {
    explicit Pair(instance::OperatorSwitch a_) : a(std::move(a_)) {}

    // From preflight and fetch.
    instance::OperatorSwitch a;
    std::string a_version;
    ovsdb::SwitchConfig config;
    control::ControllersPlan controllers;
    journal::Config settings;
    std::optional<software::Release> release;

    Notes notes;   // of other threads

    // From standby.
    datapath::HostSettings host_settings;
    std::optional<datapath::NamedNamespace> b_namespace;
    std::optional<datapath::BpfFilesystem> bpf;
    // Of steering: conductor, replicator and the command bond-show use it. Locked from the halt to the release: nothing that the
    // others do, which asks the kernel of each port, may make packets wait.
    std::timed_mutex steering_mutex;
    std::unique_lock<std::timed_mutex> halt_lock;
    std::optional<Precedence> precedence;   // while all packets wait
    std::unique_ptr<datapath::Steering> steering;
    std::vector<datapath::Port> ports;
    std::optional<instance::StandbySwitch> b;
    std::unique_ptr<ovsdb::StatisticsWatch> statistics;   // of both; null: their servers did not answer
    std::unique_ptr<datapath::RoutingCopy> routing;   // adds to 'notes', on its own thread
    std::optional<instance::Control> a_control, b_control;
    std::optional<datapath::ProcessSockets> a_sockets, b_sockets;
    int a_receive_buffer_bytes = 0;   // of A's packet sockets before; 0: unknown
    std::chrono::steady_clock::time_point learns_since;
    bool can_watch = false;   // Steering::watch() tells what may have changed connections
    bool watched = false;     // it does, since before they were read last
    WindowState windows;
    std::shared_ptr<state::ZoneLimits> zone_limits = std::make_shared<state::ZoneLimits>();
    state::Kinds kinds;
    std::vector<state::Copy> copies;   // by kind, of the last copy
    std::optional<control::MgmtLinks> links;
    std::shared_ptr<control::Relay> let_in;   // whose connections, of programs that came in a hold, outlast 'links'
    std::unique_ptr<control::DummyController> dummy;
    std::optional<control::Gate> gate;
    std::unique_ptr<BControllers> b_controllers;   // while B is active
    state::Snapshot timed_flows;                   // A's, whose timeouts were taken away before it was frozen
    // Of ports that were added while B is active, under steering_mutex: taps that A has not made, devices that A does not hold.
    std::set<std::string> own_taps;
    std::map<std::string, datapath::Promiscuous> new_promiscuous;
    std::unique_ptr<ovsdb::Replicator> replicator;   // uses what is above, on its own thread
    std::unique_ptr<UncheckedConnections> unchecked;   // the same; looks after the active instance from its toggle on
    std::optional<datapath::Promiscuous> promiscuous;
    std::optional<control::PidfileHolder> pidfile;

    Side active = Side::A;
    bool halted = false;
    std::chrono::steady_clock::time_point halted_at;

    const Process& process(Side side) const { return side == Side::A ? a.process() : b->process(); }
    datapath::ProcessSockets& sockets(Side side) { return side == Side::A ? *a_sockets : *b_sockets; }
    instance::Control& control(Side side) { return side == Side::A ? *a_control : *b_control; }
    // Where A's own sockets are now. They move whenever the links are directed elsewhere, and with A's restart: a_control
    // must then follow, or be reset to them.
    instance::ControlPaths a_paths() const;
    instance::ControlPaths b_paths() const;
    std::vector<std::string> bridge_names() const;
    // The number in 'kinds' and 'copies' of the kind of this name; none: it has not been copied yet.
    std::optional<size_t> copied(std::string_view kind) const;

    // What a later daemon needs, should this one be killed: to be changed before what it tells of is done. Any thread.
    Status change_record(const Places& places, const std::function<void(PairRecord&)>& change);
    PairRecord record() const;

    // The instance is another process now, of which nothing is known yet.
    void forget(Side side) {
        windows.forget(side);
        zone_limits->forget(side);
    }

    // Takes the sockets of the side's process as it has them now, with receive buffers for stalls. A is told of no devices that
    // steering makes any more.
    Status open_sockets(Side side);

    // Steering learns what passes, from now on.
    Status learn();

    // From now on, until look_after_nobody(), the active instance is looked after where it does not check windows.
    void look_after_active();
    void look_after_nobody();

    // Makes view() tell what is now: after a process, a version or the active side has become another.
    void publish();
    PairView view() const;   // from any thread

  private:
    mutable std::mutex record_mutex_;
    PairRecord record_;
    mutable std::mutex view_mutex_;
    PairView view_;
};

}  // namespace hitless::upgrade

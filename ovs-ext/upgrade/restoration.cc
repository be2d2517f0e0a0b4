#include "upgrade/restoration.h"

#include "upgrade/live_changes.h"
#include "upgrade/phases.h"
#include "upgrade/tunnels.h"

namespace hitless::upgrade {
namespace {

// What is known of the two processes and their configuration.
Status read_what_is_known(Pair& pair, const Places& places, journal::Journal& journal, const PairRecord& record) {
    TRY(pair.change_record(places, [&](PairRecord& own) { own = record; }));
    pair.settings = TRY(journal.config());
    pair.release = record.release;
    pair.a_receive_buffer_bytes = record.receive_buffer_bytes;
    pair.own_taps = {record.own_taps.begin(), record.own_taps.end()};
    auto client = TRY(ovsdb::Client::connect(TRY(pair.a.database_socket())));
    pair.config = TRY(ovsdb::read_switch_config(client));
    pair.controllers = control::plan_controllers(record.controllers, places.b_rundir().string());
    pair.timed_flows = TRY(load_flows(places.timed_flows()));
    auto version = pair.a.process().alive() ? instance::version_of(pair.a.running_image()) : Result<std::string>("");
    pair.a_version = version ? *version : "";
    return {};
}

Status take_over_packets(Pair& pair, const Places& places) {
    pair.steering = TRY(datapath::adopt_steering(steering_options(pair, places)));
    pace_releases(pair);
    pair.active = pair.steering->bond().active;
    std::vector<std::string> devices;
    for (const auto& member : pair.steering->bond().members) {
        pair.ports.push_back(member.port);
        if (!member.port.tap) {
            devices.push_back(member.port.name);
        }
    }
    // Whatever has become of A's share of the ports' promiscuous mode, and of the earlier daemon's.
    pair.promiscuous = TRY(datapath::Promiscuous::hold(devices));
    TRY(pair.steering->stitch());
    TRY(follow_routing(pair, places));
    return pair.learn();
}

Status take_over_instances(Pair& pair, const Places& places) {
    pair.b.emplace(standby_options(pair, places));
    TRY(pair.b->adopt());
    TRY(pair.open_sockets(Side::B));
    if (pair.active == Side::A) {
        TRY(control::MgmtLinks::repair(places.rundir.string()));
    }
    if (auto watched = watch_statistics(pair); !watched) {   // only late packets
        pair.notes.add(watched.error().message);
    }
    open_control(pair, places);
    if (pair.active == Side::B) {
        TRY(pair.links->point_to_b(pair.bridge_names()));
    }
    if (pair.a.process().alive()) {   // also one that is frozen
        TRY(pair.open_sockets(Side::A));
    }
    return {};
}

// Which connections the earlier daemon knew the numbers of nobody says: where the check was suspended, all are taken as unknown. Those
// that have packets are learned from these.
Status take_over_windows(Pair& pair, const PairRecord& record) {
    auto& b = *pair.b_control;
    if (!record.checks_sequences || TRY(state::SequenceCheck::effective(b))) {
        return {};
    }
    pair.windows.check->presume_suspended(Side::B);
    pair.windows.copies->adopt(Side::B, TRY(state::Conntrack({}, pair.windows.check).dump(b)), false);
    return {};
}

// Where tools look for the switch.
Status take_over_front(Pair& pair, const Places& places, control::Front& front, const PairRecord& record) {
    auto socket_of = [&](pid_t pid) { return (places.rundir / fmt::format("ovs-vswitchd.{}.ctl", pid)).string(); };
    for (pid_t gone : {record.daemon, record.a.pid}) {   // of the stand-in, and of an A that was killed
        if (gone != pair.a.process().pid() && !front.serves(socket_of(gone))) {
            TRY(control::Front::repair(socket_of(gone)));
        }
    }
    if (!pair.a.process().alive()) {
        if (!front.serves(pair.a.unixctl_path())) {
            TRY(control::Front::repair(pair.a.unixctl_path()));
        }
        TRY(stand_in_for_a(pair, front));
    } else if (!front.serves(pair.a.unixctl_path())) {
        TRY(front.take_over(pair.a.unixctl_path()));
    }
    front.set_active(pair.active == Side::B ? pair.b->unixctl_path() : control::Front::displaced(pair.a.unixctl_path()));
    return {};
}

}  // namespace

instance::OperatorSwitch find_or_recall(const Places& places, const PairRecord& record) {
    auto found = instance::OperatorSwitch::find(places.rundir.string());
    return found ? std::move(*found) : instance::OperatorSwitch::ended(places.rundir.string(), record.a);
}

Result<std::shared_ptr<Pair>> restore_pair(const Places& places, control::Front& front, journal::Journal& journal,
                                           const PairRecord& record) {
    auto pair = std::make_shared<Pair>(find_or_recall(places, record));
    TRY(read_what_is_known(*pair, places, journal, record));
    TRY(take_over_packets(*pair, places));
    TRY(take_over_instances(*pair, places));
    if (pair->active == Side::B) {
        TRY(take_over_windows(*pair, record));
        // Soon: after 15 seconds without a controller a bridge of B's with fail_mode standalone flushes its flows.
        TRY(activate_controllers(*pair));
        TRY(shut_gate(*pair, places));
    }
    TRY(take_over_front(*pair, places, front, record));
    if (pair->active == Side::B) {
        TRY(follow_changes(*pair, places));
    }
    // These are taken away when the pair ends, and so come last.
    auto b_namespace = TRY(datapath::NamedNamespace::adopt(places.b_namespace().string()));
    auto bpf = datapath::BpfFilesystem::mount(places.bpf().string());
    if (!bpf) {
        b_namespace.release();
        return bpf.error();
    }
    pair->b_namespace = std::move(b_namespace);
    pair->bpf = std::move(*bpf);
    pair->host_settings = datapath::HostSettings(record.settings);
    pair->look_after_active();
    return pair;
}

}  // namespace hitless::upgrade

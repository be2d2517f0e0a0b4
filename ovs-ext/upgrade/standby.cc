// Phase standby: namespace, steering and legs, a clone of the database, B itself. A forwards all the time.
#include <fmt/ranges.h>

#include "base/fault.h"
#include "ovsdb/clone.h"
#include "upgrade/phases.h"
#include "upgrade/preflight.h"
#include "upgrade/tunnels.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;

// Settings of the host for the time of the pair; each is in the journal before it is changed. One that is as wanted is left alone, and
// not put back later: rcu_expedited is the whole host's, and it may be the daemon of another switch that has set it for a while.
Status change_host_settings(Step& step, const std::vector<std::pair<std::string, std::string>>& wanted) {
    auto& pair = step.pair;
    std::vector<std::pair<std::string, std::string>> old, changes;
    for (const auto& [path, value] : wanted) {
        auto now = TRY(datapath::read_setting(path));
        if (now != value) {
            TRY(step.journal.add_host_change(path, now));
            old.emplace_back(path, now);
            changes.emplace_back(path, value);
        }
    }
    TRY(pair.change_record(step.places, [&](PairRecord& record) {
        record.settings.insert(record.settings.end(), old.begin(), old.end());
    }));
    FAULT_POINT("standby.settings");
    for (const auto& [path, value] : changes) {
        auto set = pair.host_settings.set(path, value);
        if (!set && path == datapath::rcu_expedited) {   // read-only in containers: only slower
            step.warn(fmt::format("{}: each halt takes some ms more", set.error().message));
            continue;
        }
        TRY(std::move(set));
    }
    return {};
}

// What a later daemon must know of the pair; the rest of it follows as it is done.
Status begin_record(Step& step) {
    auto& pair = step.pair;
    auto a = pair.a.started_as();
    return pair.change_record(step.places, [&](PairRecord& record) {
        record.a = a;
        record.release = *pair.release;
        record.controllers = controllers_of(pair.config);
        record.receive_buffer_bytes = pair.a_receive_buffer_bytes;
        record.request = step.request;
    });
}

Status attach(Step& step) {
    auto& pair = step.pair;
    TRY(step.journal.add_host_change("namespace " + step.places.b_namespace().string(), "none"));
    pair.b_namespace = TRY(datapath::NamedNamespace::create(step.places.b_namespace().string()));
    TRY(step.journal.add_host_change("bpffs " + step.places.bpf().string(), "none"));
    FAULT_POINT("standby.namespace");
    pair.bpf = TRY(datapath::BpfFilesystem::mount(step.places.bpf().string()));
    FAULT_POINT("standby.bpffs");
    std::vector<std::string> names;
    for (const auto& port : pair.ports) {
        names.push_back(port.name);
    }
    TRY(step.journal.add_host_change("programs and legs", fmt::format("none on {}", fmt::join(names, " "))));
    std::lock_guard lock(pair.steering_mutex);
    pair.steering = TRY(datapath::make_steering(steering_options(pair, step.places)));
    pace_releases(pair);
    TRY(pair.steering->attach(pair.ports));
    FAULT_POINT("standby.attached");
    return pair.learn();
}

Status make_database(Step& step, const std::string& operators_socket) {
    auto& pair = step.pair;
    ovsdb::CloneOptions clone;
    clone.server = operators_socket;
    clone.file = step.places.b_rundir() / "conf.db";
    clone.schema = pair.release->schema;
    TRY(ovsdb::make_clone(clone));
    TRY(pair.b->start_database());
    auto client = TRY(ovsdb::Client::connect(pair.b->database_socket()));
    return ovsdb::prepare(client, TRY(clone_plan(pair, step.places)));
}

Status start_b(Step& step, const std::string& operators_socket) {
    auto& pair = step.pair;
    std::error_code error;
    std::filesystem::remove_all(step.places.b_rundir(), error);
    if (!std::filesystem::create_directory(step.places.b_rundir(), error)) {
        return make_error("directory {}: cannot be made: {}", step.places.b_rundir().string(), error.message());
    }
    pair.b.emplace(standby_options(pair, step.places));
    TRY(make_database(step, operators_socket));
    TRY(watch_statistics(pair));
    FAULT_POINT("standby.database");
    pair.forget(Side::B);
    TRY(pair.b->start_switch());
    FAULT_POINT("standby.started");
    pair.publish();
    auto client = TRY(ovsdb::Client::connect(pair.b->database_socket()));
    return ovsdb::wait_configured(client, 30s);
}

}  // namespace

instance::StandbyOptions standby_options(Pair& pair, const Places& places) {
    instance::StandbyOptions options;
    options.rundir = places.b_rundir();
    options.logdir = places.logdir;
    options.network_namespace = places.b_namespace().string();
    options.vswitchd = pair.release->vswitchd;
    options.ovsdb_server = pair.release->ovsdb_server.value_or("ovsdb-server");
    options.switch_options = pair.a.command_line().switch_options;
    options.start_limit = pair.settings.start_limit;
    options.scheduling = pair.a.started_as().scheduling;
    options.scheduling.nice = options.scheduling.giving_way();   // to A, while it is loaded, until the hold
    return options;
}

datapath::SteeringOptions steering_options(const Pair& pair, const Places& places) {
    datapath::SteeringOptions options;
    options.bpf_directory = places.bpf().string();
    options.b_namespace = places.b_namespace().string();
    options.hold_packets_per_port = static_cast<uint32_t>(pair.settings.hold_packets);
    options.hold_bytes = pair.settings.hold_megabytes << 20;
    return options;
}

void pace_releases(Pair& pair) {
    pair.steering->set_receiver(Side::A, [&pair](const std::string& port) {
        return !pair.a_sockets || pair.a_sockets->has_room(port);
    });
    pair.steering->set_receiver(Side::B, [&pair](const std::string& port) {
        return !pair.b_sockets || pair.b_sockets->has_room(port);
    });
}

Status keep_neighbours(Step& step, std::span<const datapath::Port> ports) {
    std::vector<std::pair<std::string, std::string>> wanted;
    for (const auto& port : ports) {
        if (port.tap) {
            for (const auto& path : datapath::neighbour_settings(port.name)) {
                wanted.emplace_back(path, "0");
            }
        }
    }
    return change_host_settings(step, wanted);
}

Result<ovsdb::ClonePlan> clone_plan(const Pair& pair, const Places& places) {
    auto plan = TRY(ovsdb::plan_clone(pair.config, places.b_rundir().string()));
    for (const auto& bridge : pair.controllers.bridges) {
        plan[bridge.bridge].targets = bridge.parked.targets;
        plan[bridge.bridge].fail_mode = bridge.parked.fail_mode;
    }
    return plan;
}

void open_control(Pair& pair, const Places& places) {
    pair.links.emplace(places.rundir.string(), places.b_rundir().string());
    pair.a_control.emplace(Side::A, pair.a_paths());
    pair.b_control.emplace(Side::B, pair.b_paths());
}

Status watch_statistics(Pair& pair) {
    pair.statistics = TRY(ovsdb::StatisticsWatch::start({TRY(pair.a.database_socket()), pair.b->database_socket()},
                                                        ovsdb::statistics_interval(pair.config.other_config)));
    return {};
}

Status run_standby(Step& step) {
    auto& pair = step.pair;
    auto operators_socket = TRY(pair.a.database_socket());
    pair.ports = steered_ports(pair.config);
    TRY(begin_record(step));
    FAULT_POINT("standby.record");
    TRY(pair.open_sockets(Side::A));
    TRY(change_host_settings(step, {{datapath::rcu_expedited, "1"}}));
    TRY(keep_neighbours(step, pair.ports));
    TRY(attach(step));
    TRY(step.stop.check());
    TRY(start_b(step, operators_socket));
    TRY(step.stop.check());
    TRY(follow_routing(pair, step.places));
    open_control(pair, step.places);
    return step.enter_role(Side::B, "standby");
}

}  // namespace hitless::upgrade

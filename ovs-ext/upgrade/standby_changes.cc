#include "upgrade/standby_changes.h"

#include <algorithm>
#include <iterator>
#include <thread>

#include "upgrade/judgement.h"
#include "upgrade/preflight.h"
#include "upgrade/tunnels.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;

using Clock = std::chrono::steady_clock;

constexpr auto kTakeLimit = 10s;

// Those of 'ports' that 'others' has not.
std::vector<datapath::Port> without(const std::vector<datapath::Port>& ports, const std::vector<datapath::Port>& others) {
    std::vector<datapath::Port> rest;
    std::ranges::copy_if(ports, std::back_inserter(rest), [&](const datapath::Port& port) {
        return std::ranges::none_of(others, [&](const datapath::Port& other) {
            return other.name == port.name && other.tap == port.tap;
        });
    });
    return rest;
}

Status carry_configuration(Pair& pair) {
    ovsdb::ReplicatorOptions options;
    options.operators_server = TRY(pair.a.database_socket());
    options.b_server = pair.b->database_socket();
    options.b_stands_by = true;
    auto replicator = TRY(ovsdb::Replicator::start(options));
    return replicator->stop();
}

// Legs come before B's rows, and go after them.
Status exchange_ports(Step& step, std::vector<datapath::Port> ports) {
    auto& pair = step.pair;
    auto added = without(ports, pair.ports), removed = without(pair.ports, ports);
    TRY(keep_neighbours(step, added));
    {
        std::lock_guard lock(pair.steering_mutex);
        for (const auto& port : added) {
            TRY(pair.steering->add_port(port));
        }
    }
    TRY(carry_configuration(pair));
    std::lock_guard lock(pair.steering_mutex);
    for (const auto& port : removed) {
        (void) pair.steering->remove_port(port.name).ok();   // its device may be gone with it
    }
    pair.ports = std::move(ports);
    return pair.steering->stitch();
}

// Bridges that are new have ids of B's own until then, and no controllers.
Status park_bridges(const Pair& pair, const Places& places) {
    auto client = TRY(ovsdb::Client::connect(pair.b->database_socket()));
    auto b = TRY(ovsdb::read_switch_config(client));
    for (const auto& bridge : pair.config.bridges) {
        const auto* twin = b.find_bridge(bridge.name);
        if (twin && bridge.controllers.empty() && !twin->controllers.empty()) {
            TRY(ovsdb::set_controllers(client, bridge.name, {}, bridge.fail_mode));
        }
    }
    return ovsdb::pin_bridges(client, TRY(clone_plan(pair, places)));
}

const ovsdb::InterfaceConfig* find_interface(const ovsdb::BridgeConfig& bridge, const std::string& name) {
    for (const auto& port : bridge.ports) {
        for (const auto& interface : port.interfaces) {
            if (interface.name == name) {
                return &interface;
            }
        }
    }
    return nullptr;
}

// The same ports under the same numbers: else the copied flows would mean other ports.
Status compare_ports(const ovsdb::SwitchConfig& a, const ovsdb::SwitchConfig& b) {
    for (const auto& bridge : a.bridges) {
        const auto* twin = b.find_bridge(bridge.name);
        if (!twin || twin->datapath_id != bridge.datapath_id) {
            return make_error("bridge {}: B has not got it with the same datapath id", bridge.name);
        }
        for (const auto& port : bridge.ports) {
            for (const auto& interface : port.interfaces) {
                const auto* found = find_interface(*twin, interface.name);
                if (!found || found->ofport != interface.ofport) {
                    return make_error("interface {}: B has not got it with the same OpenFlow port number {}",
                                      interface.name, interface.ofport.value_or(-1));
                }
            }
        }
    }
    return {};
}

Status wait_for_ports(const Pair& pair) {
    auto client = TRY(ovsdb::Client::connect(pair.b->database_socket()));
    for (auto end = Clock::now() + kTakeLimit;;) {
        auto same = compare_ports(pair.config, TRY(ovsdb::read_switch_config(client)));
        if (same || Clock::now() >= end) {
            return same;
        }
        std::this_thread::sleep_for(10ms);
    }
}

}  // namespace

Status bring_up_to_date(Step& step) {
    auto& pair = step.pair;
    auto operators = TRY(ovsdb::Client::connect(TRY(pair.a.database_socket())));
    TRY(ovsdb::wait_configured(operators, kTakeLimit));   // A has opened what it is to open
    auto judgement = TRY(judge(pair.a, step.places));
    TRY(refuse(judgement.findings));
    TRY(exchange_ports(step, steered_ports(judgement.config)));
    pair.config = std::move(judgement.config);
    pair.controllers = std::move(judgement.controllers);
    TRY(pair.change_record(step.places, [&](PairRecord& record) { record.controllers = controllers_of(pair.config); }));
    TRY(park_bridges(pair, step.places));
    TRY(wait_for_ports(pair));
    TRY(pair.open_sockets(Side::A));
    TRY(pair.open_sockets(Side::B));
    pair.a_control->reset(pair.a_paths());
    pair.b_control->reset(pair.b_paths());
    return wait_for_tunnels(pair);
}

}  // namespace hitless::upgrade

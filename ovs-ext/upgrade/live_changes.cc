#include "upgrade/live_changes.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "state/text.h"
#include "upgrade/preflight.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kTakeLimit = 10s;

// Makes a persistent tap, or (persistent = false) ends it: A, which makes the devices of its internal ports, is frozen. It
// finds this one when it is thawed, and takes it for its own.
Status set_tap(const std::string& name, bool persistent) {
    Fd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    ifreq request = {};
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    name.copy(request.ifr_name, sizeof request.ifr_name - 1);
    if (!fd || ::ioctl(fd.get(), TUNSETIFF, &request) || ::ioctl(fd.get(), TUNSETPERSIST, persistent ? 1 : 0)) {
        return make_errno_error(errno, "internal port {}: its device cannot be {}", name, persistent ? "made" : "removed");
    }
    return {};
}

// A later daemon must know which taps are not A's.
Status record_own_taps(Pair& pair, const Places& places) {
    return pair.change_record(places, [&](PairRecord& record) {
        record.own_taps = {pair.own_taps.begin(), pair.own_taps.end()};
    });
}

Status add_port(Pair& pair, const Places& places, const std::string& name, bool is_tap) {
    std::lock_guard lock(pair.steering_mutex);
    if (is_tap && !::if_nametoindex(name.c_str())) {
        pair.own_taps.insert(name);
        TRY(record_own_taps(pair, places));
        auto made = set_tap(name, true);
        if (!made && !::if_nametoindex(name.c_str())) {   // else A, thawed by now, was quicker
            pair.own_taps.erase(name);
            return made;
        }
    }
    TRY(pair.steering->add_port({name, is_tap}));
    if (!is_tap) {   // A, which would see to that, is frozen
        pair.new_promiscuous.emplace(name, TRY(datapath::Promiscuous::hold(std::span(&name, 1))));
    }
    return {};
}

void remove_port(Pair& pair, const std::string& name) {
    std::lock_guard lock(pair.steering_mutex);
    (void) pair.steering->remove_port(name).ok();   // its device may be gone with it
    pair.new_promiscuous.erase(name);
    if (pair.own_taps.erase(name) && (!pair.a.process().alive() || pair.a.process().stopped())) {
        (void) set_tap(name, false).ok();
    }
}

std::vector<std::string> names_of(const ovsdb::SwitchConfig& config) {
    std::vector<std::string> names;
    for (const auto& bridge : config.bridges) {
        names.push_back(bridge.name);
    }
    return names;
}

// B has opened new ports.
Status take_new_ports(Pair& pair) {
    auto client = TRY(ovsdb::Client::connect(pair.b->database_socket()));
    auto config = TRY(ovsdb::read_switch_config(client));
    std::lock_guard lock(pair.steering_mutex);
    auto stitched = pair.steering->stitch();
    TRY(pair.open_sockets(Side::B));
    TRY(pair.links->point_to_b(names_of(config)));
    return stitched;
}

Result<std::map<std::string, int64_t>> ports_of(instance::Control& control) {
    return ports_shown(TRY(control.call("dpif/show")));
}

// A takes its configuration by itself; this waits until it has.
Status wait_for_a(Pair& pair, const std::map<std::string, int64_t>& wanted) {
    auto end = Clock::now() + kTakeLimit;
    for (;;) {
        auto ports = TRY(ports_of(*pair.a_control));
        if (ports == wanted) {
            return {};
        }
        if (Clock::now() >= end) {
            for (const auto& [name, number] : wanted) {
                auto found = ports.find(name);
                if (found == ports.end()) {
                    return make_error("port {}: B has it, but A has not taken it within {} s; see A's log", name, kTakeLimit.count());
                }
                if (found->second != number) {
                    return make_error("port {}: it has the OpenFlow port number {} on B and {} on A; flows for it cannot be copied: "
                                      "set its ofport_request to {}", name, number, found->second, number);
                }
            }
            return make_error("A has {} ports, B {}: A has not taken the changed configuration within {} s", ports.size(),
                              wanted.size(), kTakeLimit.count());
        }
        std::this_thread::sleep_for(10ms);
    }
}

Result<ovsdb::SwitchConfig> operators_config(Pair& pair) {
    auto client = TRY(ovsdb::Client::connect(TRY(pair.a.database_socket())));
    return ovsdb::read_switch_config(client);
}

}  // namespace

std::map<std::string, int64_t> ports_shown(std::string_view dpif_show) {
    std::map<std::string, int64_t> ports;
    while (!dpif_show.empty()) {
        std::string_view line = state::next_line(dpif_show);
        std::string_view name = state::next_word(line), numbers = state::next_word(line), rest = state::next_word(line);
        int64_t number = 0;
        if (numbers.ends_with(':') && rest.starts_with('(') && state::parse_number(numbers.substr(0, numbers.find('/')), number)) {
            ports[std::string(name)] = number;
        }
    }
    return ports;
}

Status follow_changes(Pair& pair, const Places& places) {
    ovsdb::ReplicatorOptions options;
    options.operators_server = TRY(pair.a.database_socket());
    options.b_server = pair.b->database_socket();
    options.port_added = [&pair, places](const std::string& name, bool is_tap) { return add_port(pair, places, name, is_tap); };
    options.port_removed = [&pair](const std::string& name) { remove_port(pair, name); };
    options.ports_opened = [&pair] { return take_new_ports(pair); };
    options.problem = [&pair](const std::string& text) { pair.notes.add(text); };
    pair.replicator = TRY(ovsdb::Replicator::start(options));
    return {};
}

Status catch_up(Step& step) {
    auto& pair = step.pair;
    auto config = TRY(operators_config(pair));
    {
        std::lock_guard lock(pair.steering_mutex);
        pair.config = std::move(config);
        pair.ports = steered_ports(pair.config);
        TRY(pair.links->point_to_b(pair.bridge_names()));
        pair.own_taps.clear();   // A's now
        TRY(record_own_taps(pair, step.places));
    }
    pair.a_control->reset(pair.a_paths());
    pair.b_control->reset(pair.b_paths());
    TRY(wait_for_a(pair, TRY(ports_of(*pair.b_control))));
    TRY(pair.open_sockets(Side::A));
    // What A has decided on flows of packets is from before its configuration changed. It looks at that again when something tells it to,
    // and a mirror that is new does not (mirror_set() of ofproto/ofproto-dpif-mirror.c).
    TRY(pair.a_control->call("revalidator/purge"));
    pair.new_promiscuous.clear();
    for (const auto& text : pair.notes.take()) {
        step.warn(text);
    }
    return {};
}

Status check_same_bridges(Step& step) {
    auto now = names_of(TRY(operators_config(step.pair)));
    if (now != step.pair.bridge_names()) {
        return make_error("bridges were added or removed while state was copied: repeat the command");
    }
    return {};
}

}  // namespace hitless::upgrade

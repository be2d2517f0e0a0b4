#include "upgrade/tunnels.h"

#include <algorithm>
#include <iterator>
#include <thread>

#include "datapath/links.h"
#include "state/text.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kLearnLimit = 5s;

// A listens on the host's other devices, too, from which it gets no packets.
Result<std::set<std::string>> macs_of_taps(const Pair& pair) {
    std::set<std::string> macs;
    auto links = TRY(datapath::Links::open());
    for (const auto& port : pair.ports) {
        if (port.tap) {
            auto mac = TRY(links.get(port.name)).mac;
            macs.insert(fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]));
        }
    }
    return macs;
}

}  // namespace

std::set<std::string> tunnel_endpoints(std::string_view tnl_ports) {
    // "vxlan_sys_4789 (4789) : eth(dst=02:00:00:00:00:fe),eth_type(0x0800),ipv4(dst=10.0.0.254,proto=17,frag=no),udp(dst=4789)"
    constexpr std::string_view destination = "dst=", letters = "0123456789abcdefABCDEF.:";
    std::set<std::string> endpoints;
    while (!tnl_ports.empty()) {
        std::string_view line = state::next_line(tnl_ports);
        std::string endpoint;
        for (size_t at = line.find(destination); at != line.npos; at = line.find(destination)) {
            line.remove_prefix(at + destination.size());
            auto value = line.substr(0, std::min(line.find_first_not_of(letters), line.size()));
            endpoint += (endpoint.empty() || value.empty() ? "" : " ") + std::string(value);
        }
        if (!endpoint.empty()) {
            endpoints.insert(endpoint);
        }
    }
    return endpoints;
}

Status follow_routing(Pair& pair, const Places& places) {
    auto b_namespace = TRY(datapath::open_namespace(places.b_namespace().string()));
    pair.routing = TRY(datapath::RoutingCopy::start(b_namespace.get(), [&pair](const std::string& text) { pair.notes.add(text); }));
    return {};
}

Status wait_for_tunnels(Pair& pair) {
    auto wanted = tunnel_endpoints(TRY(pair.a_control->call("tnl/ports/show", {"-v"})));
    auto macs = TRY(macs_of_taps(pair));
    std::erase_if(wanted, [&](const std::string& endpoint) { return !macs.count(endpoint.substr(0, endpoint.find(' '))); });
    for (auto end = Clock::now() + kLearnLimit;;) {
        auto present = tunnel_endpoints(TRY(pair.b_control->call("tnl/ports/show", {"-v"})));
        std::set<std::string> missing;
        std::ranges::set_difference(wanted, present, std::inserter(missing, missing.end()));
        if (missing.empty()) {
            return {};
        }
        if (Clock::now() >= end) {
            return make_error("tunnels: B does not listen at {} (MAC, address, port) as A does; 'ovs-appctl tnl/ports/show -v' and B's log "
                              "tell more", *missing.begin());
        }
        std::this_thread::sleep_for(10ms);
    }
}

}  // namespace hitless::upgrade

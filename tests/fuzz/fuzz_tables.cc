// Any text may come: the parsers must end, and what they take for an entry must survive its canonical form.
#include <cstdlib>

#include "state/bonds.h"
#include "state/mdb.h"
#include "state/route_rules.h"
#include "state/tunnel_neighbours.h"
#include "state/tunnel_settings.h"
#include "state/user_routes.h"
#include "upgrade/live_changes.h"
#include "upgrade/tunnels.h"

namespace {

template <typename Value, typename Decode>
void expect_same(const std::vector<Value>& values, Decode decode) {
    for (const Value& value : values) {
        auto again = decode(to_entry(value));
        if (!again.ok() || *again != value) {
            std::abort();
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace hitless::state;
    std::string_view text(reinterpret_cast<const char*>(data), size);
    if (auto entries = parse_mdb("br0", text)) {
        expect_same(*entries, to_multicast_entry);
    }
    if (auto routes = parse_user_routes(text)) {
        expect_same(*routes, to_user_route);
    }
    for (bool v6 : {false, true}) {
        if (auto rules = parse_route_rules(text, v6)) {
            expect_same(*rules, to_route_rule);
        }
    }
    for (const Entry& entry : parse_bonds(text)) {
        (void) Bonds().describe(entry);
    }
    if (auto neighbours = parse_tunnel_neighbours(text)) {
        for (const Entry& entry : *neighbours) {
            (void) TunnelNeighbours().describe(entry);
        }
    }
    (void) numbers_in(text);
    for (const auto& [port, number] : hitless::upgrade::ports_shown(text)) {
        if (port.empty() || port.find_first_of(" \t\n") != port.npos) {
            std::abort();
        }
    }
    for (const auto& endpoint : hitless::upgrade::tunnel_endpoints(text)) {
        if (endpoint.empty() || endpoint.find_first_not_of("0123456789abcdefABCDEF.: ") != endpoint.npos) {
            std::abort();
        }
    }
    return 0;
}

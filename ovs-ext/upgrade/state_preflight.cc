#include "upgrade/state_preflight.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "openflow/flow_table.h"
#include "openflow/untold_matches.h"
#include "state/connection_reader.h"
#include "state/conntrack_parser.h"
#include "state/text.h"
#include "state/user_routes.h"

namespace hitless::upgrade {
namespace {

// To print a flow takes a switch 7 us [measured].
constexpr size_t many_flows = 3000;

constexpr const char* kHelperLoss = "a data connection that is announced but not open at a toggle is not +rel after it, and those that are "
                                    "open go over as connections of their own";

// A bridge that allows no OpenFlow 1.0 is not looked at: in later versions hardly anybody can have made such a flow.
void examine_matches(const instance::Control& a, const std::string& bridge, Findings& findings) {
    auto untold = openflow::read_untold_matches(a.paths().mgmt.at(bridge), bridge, many_flows);
    if (untold && !untold->known) {
        findings.warnings.push_back(fmt::format("bridge {}: more than {} flows match the priority of a VLAN: not looked through for such as "
                                                "vlan_tci=0x6000/0xe000, which would meet other packets on B", bridge, many_flows));
    } else if (untold && !untold->flows.empty()) {
        findings.refusals.push_back(fmt::format("bridge {}: {} flows match the priority of a VLAN in a way that OpenFlow 1.5, in which state is "
                                                "read, does not tell, and would meet other packets on B; the first: {}. Write them with "
                                                "dl_vlan_pcp", bridge, untold->flows.size(), untold->flows.front()));
    }
}

// Of a bridge of a switch that has connections.
Status examine_flows(openflow::Connection& bridge, Findings& findings) {
    std::vector<openflow::TablePopulation::Table> tables;
    std::vector<int> left_out;
    for (const auto& table : TRY(openflow::read_table_population(bridge)).tables) {
        if (table.flows > many_flows) {
            left_out.push_back(table.id);
        } else {
            tables.push_back(table);
        }
    }
    auto flows = TRY(TRY(openflow::FlowReader::open(bridge)).read_tables(bridge, tables));
    if (auto helped = std::ranges::count_if(flows, [](const auto& flow) { return openflow::names_helper(flow.flow_mod); })) {
        findings.warnings.push_back(fmt::format("bridge {}: {} flows have a helper for connections, ct(alg=ftp) or ct(alg=tftp): {}",
                                                bridge.name(), helped, kHelperLoss));
    } else if (!left_out.empty()) {
        findings.warnings.push_back(fmt::format("bridge {}: more than {} flows in table {}: not looked through for helpers of connections, "
                                                "ct(alg=ftp) or ct(alg=tftp). Where there are any, {}",
                                                bridge.name(), many_flows, fmt::join(left_out, ", "), kHelperLoss));
    }
    return {};
}

}  // namespace

Result<size_t> expected_connections(instance::Control& of) {
    auto shown = of.call("dpctl/dump-conntrack-exp");
    if (!shown && state::is_unknown_command(shown.error())) {
        return 0;
    }
    auto text = TRY(std::move(shown));
    size_t expected = 0;
    for (std::string_view rest = text; !rest.empty();) {
        expected += state::next_line(rest).empty() ? 0 : 1;
    }
    return expected;
}

Result<std::set<std::string>> unknown_words(instance::Control& of, size_t connections) {
    std::set<std::string> words;
    if (connections >= state::ConnectionReader::many) {
        return words;
    }
    state::ConnectionReader reader({});
    reader.hurry();   // one request for all
    TRY(reader.read(of, [&](const state::Connection& connection) {
        if (!connection.unknown.empty()) {
            words.insert(connection.unknown);
        }
    }));
    return words;
}

std::string warn_of_unknown_word(Side of, const std::string& word) {
    return fmt::format("conntrack: {} says of connections what ovs-hitless does not know: '{}' (ovs-appctl dpctl/dump-conntrack -m); it is not "
                       "carried", to_string(of), word);
}

Result<Findings> examine_state(instance::Control& a) {
    TRY(a.call("version"));   // of a switch that answers nobody, each of the questions below would wait for its own limit of time
    Findings findings;
    if (auto routes = state::UserRoutes().dump(a); !routes) {
        findings.refusals.push_back(routes.error().message);
    }
    auto bridges = a.bridges();
    for (const auto& bridge : bridges) {
        examine_matches(a, bridge, findings);
    }
    if (bridges.empty()) {
        return findings;
    }
    size_t connections = TRY(state::parse_connection_count(TRY(a.call("dpctl/ct-get-nconns"))));
    if (!connections) {
        return findings;
    }
    for (const auto& word : TRY(unknown_words(a, connections))) {
        findings.warnings.push_back(warn_of_unknown_word(a.side(), word));
    }
    for (const auto& bridge : bridges) {
        TRY(examine_flows(*TRY(a.openflow(bridge)), findings));
    }
    if (size_t expected = TRY(expected_connections(a))) {
        findings.warnings.push_back(fmt::format("conntrack: {} data connections are announced now (dpctl/dump-conntrack-exp): {}", expected,
                                                kHelperLoss));
    }
    return findings;
}

}  // namespace hitless::upgrade

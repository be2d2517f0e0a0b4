#include "state/route_rules.h"

#include <algorithm>

#include "state/text.h"

namespace hitless::state {

namespace {

constexpr std::string_view v6_flag = "-6";

// "100: not from 10.0.0.0/24 lookup 10"
Result<RouteRule> parse_rule(std::string_view line, bool v6) {
    std::string_view rest = line, priority = next_word(rest), word = next_word(rest);
    RouteRule rule;
    rule.v6 = v6;
    rule.inverted = word == "not";
    if (rule.inverted) {
        word = next_word(rest);
    }
    rule.source = next_word(rest);
    std::string_view lookup = next_word(rest);
    rule.table = next_word(rest);
    bool numbered = priority.ends_with(':') && parse_number(priority.substr(0, priority.size() - 1), rule.priority);
    if (!numbered || word != "from" || lookup != "lookup" || rule.table.empty() || !next_word(rest).empty()) {
        return make_error("ovs/route/rule/show: cannot understand '{}'", line.substr(0, 200));
    }
    return rule;
}

std::vector<std::string> arguments_for(const RouteRule& rule) {
    std::vector<std::string> arguments;
    if (rule.v6) {
        arguments.emplace_back(v6_flag);
    }
    if (rule.inverted) {
        arguments.emplace_back("not");
    }
    arguments.push_back("from=" + rule.source);
    arguments.push_back("prio=" + std::to_string(rule.priority));
    arguments.push_back("table=" + rule.table);
    return arguments;
}

Status change(instance::Control& to, const std::string& command, const RouteRule& rule) {
    auto changed = to.call(command, arguments_for(rule));
    if (!changed && is_unknown_command(changed.error())) {
        return make_error("the version of Open vSwitch of instance {} has no such rules: take them away before an upgrade to it "
                          "(ovs-appctl ovs/route/rule/del)", to_string(to.side()));
    }
    TRY(std::move(changed));
    return {};
}

}  // namespace

Result<std::vector<RouteRule>> parse_route_rules(std::string_view text, bool v6) {
    std::vector<RouteRule> rules;
    while (!text.empty()) {
        std::string_view line = next_line(text);
        if (next_word(line) == "User:") {
            rules.push_back(TRY(parse_rule(line, v6)));
        }
    }
    return rules;
}

Entry to_entry(const RouteRule& rule) {
    return {fmt::format("{}{}: {}from {} lookup {}", rule.v6 ? "-6 " : "", rule.priority, rule.inverted ? "not " : "", rule.source,
                        rule.table), ""};
}

Result<RouteRule> to_route_rule(const Entry& entry) {
    std::string_view text = entry.key, rest = text;
    bool v6 = next_word(rest) == v6_flag;
    return parse_rule(v6 ? rest : text, v6);
}

Result<Snapshot> RouteRules::dump(instance::Control& from) {
    Snapshot snapshot;
    for (bool v6 : {false, true}) {
        auto shown = from.call("ovs/route/rule/show", v6 ? std::vector<std::string>{std::string(v6_flag)} : std::vector<std::string>{});
        if (!shown && is_unknown_command(shown.error())) {   // before 3.7
            return Snapshot();
        }
        for (const RouteRule& rule : TRY(parse_route_rules(TRY(std::move(shown)), v6))) {
            snapshot.push_back(to_entry(rule));
        }
    }
    sort_by_key(snapshot);
    snapshot.erase(std::unique(snapshot.begin(), snapshot.end()), snapshot.end());
    return snapshot;
}

Status RouteRules::load(instance::Control& to, const Changes& changes) {
    for (const auto& [entries, command] : {std::pair(&changes.remove, "ovs/route/rule/del"), {&changes.add, "ovs/route/rule/add"}}) {
        for (const Entry& entry : *entries) {
            if (auto changed = change(to, command, TRY(to_route_rule(entry))); !changed) {
                return describe(entry) / changed.error();
            }
        }
    }
    return {};
}

}  // namespace hitless::state

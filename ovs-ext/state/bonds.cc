#include "state/bonds.h"

#include <map>

#include "state/text.h"

namespace hitless::state {

Snapshot parse_bonds(std::string_view text) {
    std::map<std::string, std::string> active;
    std::string bond, member;
    while (!text.empty()) {
        std::string_view line = next_line(text), rest = line;
        std::string_view first = next_word(rest), second = next_word(rest), third = next_word(rest);
        if (first == "----" && third == "----") {
            bond = second;
        } else if (first == "lacp_status:" && second != "off") {
            bond.clear();
        } else if (first == "member" && second.ends_with(':')) {
            member = second.substr(0, second.size() - 1);
        } else if (line == "  active member" && !bond.empty() && !member.empty()) {
            active[bond] = member;
        }
    }
    Snapshot snapshot;
    for (const auto& [name, value] : active) {
        snapshot.push_back({name, value});
    }
    return snapshot;
}

Result<Snapshot> Bonds::dump(instance::Control& from) {
    return parse_bonds(TRY(from.call("bond/show")));
}

Status Bonds::load(instance::Control& to, const Changes& changes) {
    for (const Snapshot* entries : {&changes.add, &changes.change}) {
        for (const Entry& entry : *entries) {
            auto set = to.call("bond/set-active-member", {entry.key, entry.value});
            if (!set) {
                return ("bond " + entry.key + ": member " + entry.value + " cannot be made active (bond_updelay?)") / set.error();
            }
        }
    }
    return {};
}

std::string Bonds::describe(const Entry& entry) const {
    return fmt::format("bond {}: active member {}", entry.key, entry.value);
}

}  // namespace hitless::state

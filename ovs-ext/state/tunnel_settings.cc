#include "state/tunnel_settings.h"

#include <algorithm>

#include "state/text.h"

namespace hitless::state {

std::string numbers_in(std::string_view text) {
    std::string numbers;
    bool inside = false;
    for (char c : text) {
        bool digit = c >= '0' && c <= '9';
        if (digit) {
            numbers += inside || numbers.empty() ? "" : " ";
            numbers += c;
        }
        inside = digit;
    }
    return numbers;
}

Result<Snapshot> TunnelSettings::dump(instance::Control& from) {
    Snapshot snapshot;
    for (const char* command : {"tnl/egress_port_range", "tnl/neigh/aging"}) {   // sorted
        if (auto shown = from.call(command)) {
            snapshot.push_back({command, numbers_in(*shown)});
        } else if (!is_unknown_command(shown.error())) {
            return shown.error();
        }
    }
    return snapshot;
}

Status TunnelSettings::load(instance::Control& to, const Changes& changes) {
    for (const Snapshot* entries : {&changes.add, &changes.change}) {
        for (const Entry& entry : *entries) {
            std::vector<std::string> arguments;
            std::string_view rest = entry.value;
            for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) {
                arguments.emplace_back(word);
            }
            if (auto set = to.call(entry.key, arguments); !set) {
                return describe(entry) / set.error();
            }
        }
    }
    return {};
}

std::string TunnelSettings::describe(const Entry& entry) const {
    return entry.key + " " + entry.value;
}

}  // namespace hitless::state

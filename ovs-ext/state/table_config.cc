#include "state/table_config.h"

#include "openflow/table_config.h"
#include "state/bridge_key.h"

namespace hitless::state {

namespace {

// Eviction (0 or 1), vacancy events (0 or 1), their two thresholds.
std::string value_of(const openflow::TableConfig& config) {
    return {static_cast<char>(config.eviction), static_cast<char>(config.vacancy_events),
            static_cast<char>(config.vacancy_down), static_cast<char>(config.vacancy_up)};
}

openflow::TableConfig config_of(const Entry& entry) {
    return {static_cast<uint8_t>(number_of(entry)), entry.value[0] != 0, entry.value[1] != 0,
            static_cast<uint8_t>(entry.value[2]), static_cast<uint8_t>(entry.value[3])};
}

}  // namespace

Status TableConfig::append_bridge(instance::Control& from, const std::string& bridge, Snapshot& snapshot) {
    openflow::Connection* connection = TRY(from.openflow(bridge));
    for (const auto& config : TRY(openflow::read_table_configs(*connection))) {
        snapshot.push_back({bridge_key(bridge, config.table), value_of(config)});
    }
    return {};
}

Status TableConfig::load(instance::Control& to, const Changes& changes) {
    return send_changes(to, changes, [](const Entry& entry) { return openflow::table_mod(config_of(entry)); },
                        [](const Entry& entry) {
                            openflow::TableConfig by_default;
                            by_default.table = static_cast<uint8_t>(number_of(entry));
                            return openflow::table_mod(by_default);
                        });
}

std::string TableConfig::describe(const Entry& entry) const {
    auto config = config_of(entry);
    std::string text = fmt::format("{}: table={}", bridge_of(entry), config.table);
    if (config.eviction) {
        text += ",evict";
    }
    if (config.vacancy_events) {
        text += fmt::format(",vacancy:{},{}", config.vacancy_down, config.vacancy_up);
    }
    return text;
}

}  // namespace hitless::state

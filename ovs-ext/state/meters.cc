#include "state/meters.h"

#include "openflow/meter_table.h"
#include "state/bridge_key.h"

namespace hitless::state {

using openflow::MeterCommand;

Status Meters::append_bridge(instance::Control& from, const std::string& bridge, Snapshot& snapshot) {
    openflow::Connection* connection = TRY(from.openflow(bridge));
    for (openflow::Meter& meter : TRY(openflow::read_meters(*connection))) {
        snapshot.push_back({bridge_key(bridge, meter.id), std::move(meter.meter_mod)});
    }
    return {};
}

Status Meters::load(instance::Control& to, const Changes& changes) {
    for (const auto& [bridge, part] : by_bridge(changes)) {
        openflow::Connection* connection = TRY(to.openflow(bridge));
        std::vector<openflow::Message> messages;
        // Removals first: datapaths have few meters.
        for (const Entry* entry : part.remove) {
            messages.push_back(openflow::meter_change(entry->value, MeterCommand::Remove));
        }
        for (const Entry* entry : part.change) {
            messages.push_back(openflow::meter_change(entry->value, MeterCommand::Modify));
        }
        for (const Entry* entry : part.add) {
            messages.push_back(openflow::meter_change(entry->value, MeterCommand::Add));
        }
        TRY(connection->send(messages));   // the switch takes no meter mods in bundles
    }
    return {};
}

std::string Meters::describe(const Entry& entry) const {
    return fmt::format("{}: {}", bridge_of(entry), openflow::describe_meter(entry.value));
}

}  // namespace hitless::state

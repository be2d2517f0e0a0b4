#include "state/tlv_map.h"

#include <chrono>
#include <thread>

#include "openflow/flow_table.h"
#include "openflow/tlv_table.h"
#include "state/bridge_key.h"

namespace hitless::state {

namespace {

using namespace std::chrono_literals;
using openflow::TlvCommand;
using openflow::TlvMapping;

constexpr auto kLetGoLimit = 1s;

// The option's class (2 bytes), type and length.
std::string value_of(const TlvMapping& mapping) {
    return {static_cast<char>(mapping.option_class >> 8), static_cast<char>(mapping.option_class),
            static_cast<char>(mapping.option_type), static_cast<char>(mapping.option_length)};
}

TlvMapping mapping_of(const Entry& entry) {
    auto byte = [&](size_t i) { return static_cast<uint8_t>(entry.value[i]); };
    return {static_cast<uint16_t>(number_of(entry)), static_cast<uint16_t>(byte(0) << 8 | byte(1)), byte(2), byte(3)};
}

// Removes the flows that use one of the fields 'mappings': the switch refuses to remove these while there are any. The source has no
// such flow, or one that uses the field anew: the copy of flows, which comes later, makes it.
Status remove_users(openflow::Connection& connection, const std::vector<TlvMapping>& mappings) {
    uint64_t fields = 0;
    for (const TlvMapping& mapping : mappings) {
        fields |= uint64_t{1} << mapping.index;
    }
    openflow::FlowReader reader = TRY(openflow::FlowReader::open(connection));
    std::vector<openflow::Message> removals;
    for (const openflow::Flow& flow : TRY(reader.read_all(connection))) {
        if (reader.tlv_fields(flow.flow_mod) & fields) {
            removals.push_back(openflow::flow_removal(flow.flow_mod));
        }
    }
    return connection.send(removals);
}

// The switch lets go of a flow's fields a moment after the flow itself is gone (RCU), and refuses to remove them until then.
Status remove_mappings(openflow::Connection& connection, const std::vector<TlvMapping>& mappings) {
    TRY(remove_users(connection, mappings));
    const openflow::Message removal[] = {openflow::tlv_table_mod(TlvCommand::Remove, mappings)};
    for (auto end = std::chrono::steady_clock::now() + kLetGoLimit;;) {
        auto removed = connection.send(removal);
        if (removed || std::chrono::steady_clock::now() >= end) {
            return removed;
        }
        std::this_thread::sleep_for(2ms);
    }
}

}  // namespace

Result<Snapshot> TlvMap::dump(instance::Control& from) {
    Snapshot snapshot;
    for (const std::string& bridge : from.bridges()) {
        openflow::Connection* connection = TRY(from.openflow(bridge));
        for (const TlvMapping& mapping : TRY(openflow::read_tlv_table(*connection))) {
            snapshot.push_back({bridge_key(bridge, mapping.index), value_of(mapping)});
        }
    }
    return snapshot;
}

Status TlvMap::load(instance::Control& to, const Changes& changes) {
    for (const auto& [bridge, part] : by_bridge(changes)) {
        openflow::Connection* connection = TRY(to.openflow(bridge));
        std::vector<TlvMapping> remove, add;
        for (const Entry* entry : part.remove) {
            remove.push_back(mapping_of(*entry));
        }
        if (!part.change.empty()) {   // what is in the way of the new ones
            for (const TlvMapping& mapping : TRY(openflow::read_tlv_table(*connection))) {
                for (const Entry* entry : part.change) {
                    if (number_of(*entry) == mapping.index) {
                        remove.push_back(mapping);
                    }
                }
            }
        }
        for (const auto* entries : {&part.change, &part.add}) {
            for (const Entry* entry : *entries) {
                add.push_back(mapping_of(*entry));
            }
        }
        if (!remove.empty()) {
            TRY(remove_mappings(*connection, remove));
        }
        if (!add.empty()) {
            const openflow::Message addition[] = {openflow::tlv_table_mod(TlvCommand::Add, add)};
            TRY(connection->send(addition));
        }
    }
    return {};
}

std::string TlvMap::describe(const Entry& entry) const {
    TlvMapping mapping = mapping_of(entry);
    return fmt::format("{}: {{class={:#x},type={:#x},len={}}}->tun_metadata{}", bridge_of(entry), mapping.option_class,
                       mapping.option_type, mapping.option_length, mapping.index);
}

}  // namespace hitless::state

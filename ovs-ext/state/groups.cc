#include "state/groups.h"

#include "openflow/group_table.h"
#include "state/bridge_key.h"

namespace hitless::state {

Status Groups::append_bridge(instance::Control& from, const std::string& bridge, Snapshot& snapshot) {
    openflow::Connection* connection = TRY(from.openflow(bridge));
    for (openflow::Group& group : TRY(openflow::read_groups(*connection))) {
        snapshot.push_back({bridge_key(bridge, group.id), std::move(group.group_mod)});
    }
    return {};
}

Status Groups::load(instance::Control& to, const Changes& changes) {
    for (const auto& [bridge, part] : by_bridge(changes)) {
        openflow::Connection* connection = TRY(to.openflow(bridge));
        std::vector<std::string_view> added, changed;
        for (const Entry* entry : part.add) {
            added.push_back(entry->value);
        }
        for (const Entry* entry : part.change) {
            changed.push_back(entry->value);
        }
        std::vector<openflow::Message> messages;
        openflow::append_group_changes(added, changed, messages);
        for (const Entry* entry : part.remove) {   // last: nothing refers to them any more
            messages.push_back(openflow::group_removal(entry->value));
        }
        TRY(connection->send_bundle(messages));
    }
    return {};
}

std::string Groups::describe(const Entry& entry) const {
    return fmt::format("{}: {}", bridge_of(entry), openflow::describe_group(entry.value));
}

}  // namespace hitless::state

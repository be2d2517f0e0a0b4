#include "state/bridge_kind.h"

#include "state/bridge_key.h"

namespace hitless::state {

Result<Snapshot> BridgeKind::dump(instance::Control& from) {
    Snapshot snapshot;
    for (const std::string& bridge : from.bridges()) {
        TRY(append_bridge(from, bridge, snapshot));
    }
    return snapshot;
}

Status BridgeKind::send_changes(instance::Control& to, const Changes& changes, const MakeMessage& set, const MakeMessage& reset) {
    for (const auto& [bridge, part] : by_bridge(changes)) {
        openflow::Connection* connection = TRY(to.openflow(bridge));
        std::vector<openflow::Message> messages;
        for (const auto* entries : {&part.add, &part.change}) {
            for (const Entry* entry : *entries) {
                messages.push_back(set(*entry));
            }
        }
        for (const Entry* entry : part.remove) {
            messages.push_back(reset(*entry));
        }
        TRY(connection->send(messages));
    }
    return {};
}

}  // namespace hitless::state

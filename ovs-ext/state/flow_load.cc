#include "state/flow_load.h"

#include <algorithm>

#include "openflow/flow_table.h"
#include "state/bridge_key.h"

namespace hitless::state {

namespace {

using openflow::Message;

// A bundle is held in the switch's memory and carried out in one go.
constexpr size_t bundle_messages = 20'000;

Status send_bundles(openflow::Connection& connection, const std::vector<Message>& messages) {
    std::span<const Message> rest(messages);
    while (!rest.empty()) {
        size_t n = std::min(rest.size(), bundle_messages);
        TRY(connection.send_bundle(rest.first(n)));
        rest = rest.subspan(n);
    }
    return {};
}

}  // namespace

Status load_flows(instance::Control& to, const Changes& changes, FlowTimeouts timeouts) {
    for (auto& [bridge, part] : by_bridge(changes)) {
        openflow::Connection* connection = TRY(to.openflow(bridge));
        std::vector<Message> messages;
        messages.reserve(part.remove.size() + part.change.size() + part.add.size());
        auto append = [&](const Entry& entry, bool is_new) {
            if (timeouts == FlowTimeouts::left_out && openflow::timeouts_of(entry.value).any()) {
                openflow::append_flow_add(openflow::with_timeouts(entry.value, {}), is_new, messages);
            } else {
                openflow::append_flow_add(entry.value, is_new, messages);
            }
        };
        // Removals first: what they match must not meet the check for overlaps of new flows.
        for (const Entry* entry : part.remove) {
            messages.push_back(openflow::flow_removal(entry->value));
        }
        for (const Entry* entry : part.change) {
            append(*entry, false);
        }
        // Of flows that overlap at equal priority the one applies whose mask was first in the table: see FlowReader::read_all().
        std::ranges::stable_sort(part.add, {}, &Entry::place);
        for (const Entry* entry : part.add) {
            append(*entry, true);
        }
        TRY(send_bundles(*connection, messages));
    }
    return {};
}

}  // namespace hitless::state

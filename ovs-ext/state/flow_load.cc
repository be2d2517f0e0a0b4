#include "state/flow_load.h"

#include <algorithm>

#include "openflow/flow_table.h"
#include "state/bridge_key.h"

namespace hitless::state {

namespace {

using openflow::Message;

// A bundle is held in the switch's memory and carried out in one go.
constexpr size_t bundle_messages = 20'000;

// An Error names the first message that was refused.
Status send_bundles(openflow::Connection& connection, const std::vector<Message>& messages, FlowRefusals refusals) {
    std::span<const Message> rest(messages);
    Status first;
    while (!rest.empty()) {
        auto some = rest.first(std::min(rest.size(), bundle_messages));
        rest = rest.subspan(some.size());
        if (Status sent = connection.send_bundle(some); !sent) {
            if (refusals == FlowRefusals::leave_nothing || !connection.usable()) {
                return sent;
            }
            if (first) {
                first = std::move(sent);
            }
            (void) connection.send(some).ok();   // the same error, after all others have been carried out
        }
    }
    return first;
}

}  // namespace

Status load_flows(instance::Control& to, const Changes& changes, FlowTimeouts timeouts, FlowRefusals refusals) {
    Status first;
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
        Status sent = send_bundles(*connection, messages, refusals);
        if (!sent && refusals == FlowRefusals::leave_nothing) {
            return sent;
        }
        if (first) {
            first = std::move(sent);
        }
    }
    return first;
}

}  // namespace hitless::state

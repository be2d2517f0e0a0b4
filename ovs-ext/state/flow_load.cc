#include "state/flow_load.h"

#include <algorithm>

#include "openflow/flow_table.h"
#include "openflow/old_actions.h"
#include "state/bridge_key.h"

namespace hitless::state {

namespace {

using openflow::Message;

// A bundle is held in the switch's memory and carried out in one go.
constexpr size_t bundle_messages = 20'000;

bool is_old(const Message& message) {
    return message[0] == static_cast<uint8_t>(openflow::Version::openflow10);
}

// The messages at the begin of 'rest' that are for one session, of OpenFlow 1.5 or 1.0, and fit into a bundle.
std::span<const Message> next_part(std::span<const Message> rest) {
    auto other = std::ranges::find_if(rest, [old = is_old(rest.front())](const Message& message) { return is_old(message) != old; });
    return rest.first(std::min<size_t>(other - rest.begin(), bundle_messages));
}

Result<openflow::Connection> open_old(instance::Control& to, const std::string& bridge) {
    auto old = TRY(openflow::Connection::open(to.paths().mgmt.at(bridge), bridge, std::chrono::seconds(10), openflow::Version::openflow10));
    const Message allow = openflow::allow_old_flow_adds();
    TRY(old.send({&allow, 1}));
    return old;
}

// In order; those of OpenFlow 1.0, which has no bundles, one by one. An Error names the first message that was refused.
Status send_bundles(instance::Control& to, const std::string& bridge, const std::vector<Message>& messages, FlowRefusals refusals) {
    openflow::Connection& connection = *TRY(to.openflow(bridge));
    std::span<const Message> rest(messages);
    std::optional<openflow::Connection> old;
    Status first;
    while (!rest.empty()) {
        auto some = next_part(rest);
        rest = rest.subspan(some.size());
        if (is_old(some.front()) && !old) {
            old = TRY(open_old(to, bridge));
        }
        auto& session = is_old(some.front()) ? *old : connection;
        Status sent = &session == &connection ? session.send_bundle(some) : session.send(some);
        if (!sent) {
            if (refusals == FlowRefusals::leave_nothing || !session.usable()) {
                return sent;
            }
            if (first) {
                first = std::move(sent);
            }
            if (&session == &connection) {
                (void) connection.send(some).ok();   // the same error, after all others have been carried out
            }
        }
    }
    return first;
}

}  // namespace

Status load_flows(instance::Control& to, const Changes& changes, FlowTimeouts timeouts, FlowRefusals refusals) {
    Status first;
    for (auto& [bridge, part] : by_bridge(changes)) {
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
        Status sent = send_bundles(to, bridge, messages, refusals);
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

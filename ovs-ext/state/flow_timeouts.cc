#include "state/flow_timeouts.h"

#include <algorithm>
#include <set>
#include <span>

#include "openflow/flow_ages.h"
#include "openflow/flow_table.h"
#include "state/bridge_key.h"
#include "state/flow_load.h"

namespace hitless::state {

namespace {

using std::chrono::seconds;
using Time = TimedFlows::Time;

// Removal and making of a flow belong in one bundle; see load_flows() for its size.
constexpr size_t flows_at_once = 5'000;

// The hard timeout's rest, rounded up: a flow that is about to end has a second more.
Entry as_of(const TimedFlows::Flow& flow, Time now) {
    openflow::Timeouts timeouts = openflow::timeouts_of(flow.entry.value);
    if (timeouts.hard) {
        auto left = std::chrono::ceil<seconds>(flow.end - now).count();
        timeouts.hard = static_cast<uint16_t>(std::clamp<int64_t>(left, 1, timeouts.hard));
    }
    return {flow.entry.key, openflow::with_timeouts(flow.entry.value, timeouts)};
}

void set_ends(instance::Control& from, std::span<TimedFlows::Flow> flows) {
    std::string bridge;
    std::unordered_map<std::string, uint32_t> ages;
    for (TimedFlows::Flow& flow : flows) {
        openflow::Timeouts timeouts = openflow::timeouts_of(flow.entry.value);
        if (!timeouts.hard) {
            continue;
        }
        if (bridge_of(flow.entry) != bridge) {   // they are sorted by it
            bridge = bridge_of(flow.entry);
            ages.clear();
            auto path = from.paths().mgmt.find(bridge);
            if (path != from.paths().mgmt.end()) {
                if (auto read = openflow::read_hard_ages(path->second, bridge)) {
                    ages = std::move(*read);
                }
            }
        }
        auto age = ages.find(openflow::age_key(flow.entry.value));
        flow.end = std::chrono::steady_clock::now() + seconds(timeouts.hard) -
                   seconds(age == ages.end() ? 0 : age->second);
    }
}

}  // namespace

TimedFlows read_timed(instance::Control& from, const Snapshot& flows) {
    TimedFlows timed;
    std::set<std::pair<std::string_view, openflow::Learned>> learned;
    for (const Entry& entry : flows) {
        if (openflow::timeouts_of(entry.value).any()) {
            timed.flows.push_back({entry, {}, false});
            for (const auto& one : openflow::learned_by(entry.value)) {
                learned.emplace(bridge_of(entry), one);
            }
        }
    }
    if (!learned.empty()) {
        auto is_learned = [&](const Entry& entry) {
            return learned.contains({bridge_of(entry), openflow::origin_of(entry.value)});
        };
        for (TimedFlows::Flow& flow : timed.flows) {
            flow.learned = is_learned(flow.entry);
        }
        std::copy_if(flows.begin(), flows.end(), std::back_inserter(timed.learned), [&](const Entry& entry) {
            return !openflow::timeouts_of(entry.value).any() && is_learned(entry);
        });
    }
    set_ends(from, timed.flows);
    return timed;
}

Status load_timed(const TimedFlows& timed, instance::Control& to) {
    auto now = std::chrono::steady_clock::now();
    Changes learned;
    learned.add = timed.learned;
    std::span<const TimedFlows::Flow> rest(timed.flows);
    while (!rest.empty()) {
        auto some = rest.first(std::min(rest.size(), flows_at_once));
        rest = rest.subspan(some.size());
        Changes anew;
        for (const TimedFlows::Flow& flow : some) {
            anew.add.push_back(as_of(flow, now));
            if (flow.learned) {
                learned.add.push_back(anew.add.back());
            }
        }
        anew.remove = anew.add;
        TRY(load_flows(to, anew, FlowTimeouts::kept));
    }
    return load_flows(to, learned, FlowTimeouts::kept);
}

Snapshot left_of(const TimedFlows& timed) {
    auto now = std::chrono::steady_clock::now();
    Snapshot left;
    for (const TimedFlows::Flow& flow : timed.flows) {
        left.push_back(as_of(flow, now));
    }
    return left;
}

}  // namespace hitless::state

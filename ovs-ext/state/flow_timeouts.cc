#include "state/flow_timeouts.h"

#include <algorithm>
#include <set>
#include <span>

#include "openflow/flow_ages.h"
#include "openflow/flow_table.h"
#include "state/bridge_key.h"
#include "state/flow_load.h"
#include "state/flows.h"

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
    return {flow.entry.key, openflow::with_timeouts(flow.entry.value, timeouts), flow.entry.place};
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

// The flows that go with those that have learned them.
class LearnedFlows {
  public:
    void add_learner(const Entry& flow) {
        for (const auto& one : openflow::learned_by(flow.value)) {
            learned_.emplace(bridge_of(flow), one);
        }
    }
    bool empty() const { return learned_.empty(); }
    bool contains(const Entry& flow) const { return learned_.contains({std::string(bridge_of(flow)), openflow::origin_of(flow.value)}); }

  private:
    std::set<std::pair<std::string, openflow::Learned>> learned_;
};

// Removes 'flows' and makes them, and then 'learned', which are gone with those that have learned them.
Status make_anew(std::span<const Entry> flows, Snapshot learned, instance::Control& to, FlowTimeouts timeouts) {
    while (!flows.empty()) {
        auto some = flows.first(std::min(flows.size(), flows_at_once));
        flows = flows.subspan(some.size());
        Snapshot entries(some.begin(), some.end());
        TRY(load_flows(to, {entries, {}, entries}, timeouts));
    }
    return load_flows(to, {std::move(learned), {}, {}}, timeouts);
}

}  // namespace

TimedFlows read_timed(instance::Control& from, const Snapshot& flows) {
    TimedFlows timed;
    LearnedFlows learned;
    for (const Entry& entry : flows) {
        if (openflow::timeouts_of(entry.value).any()) {
            timed.flows.push_back({entry, {}, false});
            learned.add_learner(entry);
        }
    }
    if (!learned.empty()) {
        for (TimedFlows::Flow& flow : timed.flows) {
            flow.learned = learned.contains(flow.entry);
        }
        std::copy_if(flows.begin(), flows.end(), std::back_inserter(timed.learned), [&](const Entry& entry) {
            return !openflow::timeouts_of(entry.value).any() && learned.contains(entry);
        });
    }
    set_ends(from, timed.flows);
    return timed;
}

Status load_timed(const TimedFlows& timed, instance::Control& to) {
    Snapshot flows = left_of(timed), learned = timed.learned;
    for (size_t i = 0; i < flows.size(); ++i) {
        if (timed.flows[i].learned) {
            learned.push_back(flows[i]);
        }
    }
    return make_anew(flows, std::move(learned), to, FlowTimeouts::kept);
}

Status restart_idle(const Snapshot& timed, instance::Control& at) {
    LearnedFlows learned;
    for (const Entry& entry : timed) {
        learned.add_learner(entry);
    }
    Snapshot there;
    if (!learned.empty()) {
        there = TRY(Flows().dump(at));
        std::erase_if(there, [&](const Entry& entry) { return !learned.contains(entry); });
    }
    return make_anew(timed, std::move(there), at, FlowTimeouts::left_out);
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

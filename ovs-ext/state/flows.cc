#include "state/flows.h"

#include <algorithm>
#include <span>
#include <unordered_map>

#include "openflow/watch.h"
#include "state/bridge_key.h"
#include "state/flow_load.h"
#include "state/flow_timeouts.h"

namespace hitless::state {

namespace {

using openflow::Flow;
using openflow::FlowEvent;
using openflow::FlowReader;
using openflow::Message;

// With more changed flows than this share of the table, all of it is read: one request for each flow costs the switch a look
// at the table of its own (about 20 us against 7 us a flow in a dump).
constexpr size_t dump_share = 4;
constexpr size_t reread_always = 50;
// With more flows whose timeouts packets may shorten, those of a bridge stay as they were before the hold: they end late rather than
// that packets wait for so many requests.
constexpr size_t shortened_in_hold = 200;

Entry to_entry(const std::string& bridge, Flow flow) {
    return {bridge_key(bridge, flow.key), std::move(flow.flow_mod), flow.place};
}

// OpenFlow does not tell all actions of all flows.
Status restore_actions(instance::Control& from, const std::string& bridge, const FlowReader& reader, std::vector<Flow>& flows) {
    if (std::ranges::any_of(flows, &Flow::doubtful)) {
        reader.restore_old_actions(TRY(from.call("bridge/dump-flows", {bridge})), flows);
    }
    return {};
}

Result<Snapshot> dump_bridge(instance::Control& from, const std::string& bridge) {
    openflow::Connection* connection = TRY(from.openflow(bridge));
    FlowReader reader = TRY(FlowReader::open(*connection));
    std::vector<Flow> flows = TRY(reader.read_all(*connection));
    TRY(restore_actions(from, bridge, reader, flows));
    Snapshot snapshot;
    snapshot.reserve(flows.size());
    for (Flow& flow : flows) {
        snapshot.push_back(to_entry(bridge, std::move(flow)));
    }
    return snapshot;
}

bool may_be_shortened(const Entry& flow) {
    return openflow::timeouts_of(flow.value).any() && openflow::shortens_timeouts(flow.value);
}

// Of 'entries' (of one bridge) those to read again, because their timeouts may be shorter now; none where they are more than 'limit'.
std::vector<FlowEvent> maybe_shortened(std::span<const Entry> entries, size_t limit) {
    std::vector<FlowEvent> events;
    for (const Entry& flow : entries) {
        if (may_be_shortened(flow)) {
            events.push_back({FlowEvent::What::Changed, std::string(rest_of(flow)), openflow::origin_of(flow.value).cookie, 0});
        }
    }
    return events.size() <= limit ? events : std::vector<FlowEvent>();
}

// Adds those of 'more' that 'events' has nothing of; all sorted by key.
void add_others(std::vector<FlowEvent>& events, std::vector<FlowEvent> more) {
    std::vector<FlowEvent> all;
    std::ranges::set_union(events, more, std::back_inserter(all), {}, &FlowEvent::key, &FlowEvent::key);
    events = std::move(all);
}

// A place after those of all 'entries'.
uint64_t place_after(std::span<const Entry> entries) {
    auto last = std::ranges::max_element(entries, {}, &Entry::place);
    return last == entries.end() ? 0 : last->place + 1;
}

// Makes 'now' (entries of the keys 'dirty') of what 'last' says of these keys; a key without an entry is gone. All sorted.
void apply(Snapshot& last, const std::vector<std::string>& dirty, Snapshot now) {
    Snapshot fresh;
    std::vector<size_t> gone;
    auto replacement = now.begin();
    auto at = last.begin();
    for (const std::string& key : dirty) {
        at = std::lower_bound(at, last.end(), key, [](const Entry& entry, const std::string& k) { return entry.key < k; });
        bool known = at != last.end() && at->key == key;
        if (replacement != now.end() && replacement->key == key) {
            if (known) {
                at->value = std::move(replacement->value);
            } else {
                fresh.push_back(std::move(*replacement));
            }
            ++replacement;
        } else if (known) {
            gone.push_back(at - last.begin());
        }
    }
    if (!gone.empty()) {
        size_t to = gone.front();
        auto next = gone.begin();
        for (size_t i = to; i < last.size(); ++i) {
            if (next != gone.end() && *next == i) {
                ++next;
            } else {
                last[to++] = std::move(last[i]);
            }
        }
        last.resize(to);
    }
    if (!fresh.empty()) {
        size_t old = last.size();
        std::move(fresh.begin(), fresh.end(), std::back_inserter(last));
        std::inplace_merge(last.begin(), last.begin() + old, last.end(),
                           [](const Entry& a, const Entry& b) { return a.key < b.key; });
    }
}

}  // namespace

// What a bridge's flow monitor has said and has not yet been acted upon.
struct Flows::Watch {
    std::optional<openflow::Connection> connection;   // none: read all
    std::vector<Message> updates;
    bool lost = false;

    // At most so many events are kept; more of them mean that all is read.
    static constexpr size_t updates_limit = 10'000;

    void take(std::span<const uint8_t> message) {
        if (!openflow::is_flow_update(message)) {
            return;
        }
        if (updates.size() >= updates_limit) {
            lost = true;
        } else {
            updates.emplace_back(message.begin(), message.end());
        }
    }

    static std::unique_ptr<Watch> open(const instance::Control& from, const std::string& bridge) {
        auto watch = std::make_unique<Watch>();
        auto path = from.paths().mgmt.find(bridge);
        if (path != from.paths().mgmt.end()) {
            auto connection = openflow::watch_flows(path->second, bridge,
                                                    [w = watch.get()](auto message) { w->take(message); });
            if (connection) {
                watch->connection = std::move(*connection);
            }
        }
        return watch;
    }

    // Takes in all that has changed up to now. False: it is not known.
    bool sync() { return connection && openflow::tell_of_flows(*connection) && !lost; }

    // The last event of each flow, with its place among all, sorted by key; nothing when the monitor has lost some.
    std::optional<std::vector<FlowEvent>> events(const FlowReader& reader) {
        std::unordered_map<std::string, FlowEvent> latest;
        size_t place = 0;
        for (const Message& update : updates) {
            auto events = reader.events(update);
            if (!events) {
                return std::nullopt;
            }
            for (FlowEvent& event : *events) {
                if (event.what == FlowEvent::What::Lost) {
                    return std::nullopt;
                }
                event.place = place++;
                latest.insert_or_assign(event.key, event);
            }
        }
        updates.clear();
        std::vector<FlowEvent> sorted;
        for (auto& [key, event] : latest) {
            sorted.push_back(std::move(event));
        }
        std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
        return sorted;
    }
};

Flows::Flows() = default;
Flows::~Flows() = default;

Result<Snapshot> Flows::dump(instance::Control& from) {
    Snapshot snapshot;
    for (const std::string& bridge : from.bridges()) {
        Snapshot part = TRY(dump_bridge(from, bridge));
        if (snapshot.empty()) {
            snapshot = std::move(part);
        } else {
            std::move(part.begin(), part.end(), std::back_inserter(snapshot));
        }
    }
    return snapshot;
}

bool Flows::same(const Entry& wanted, const Entry& there) const {
    if (armed_ || wanted.value.size() != there.value.size() || !openflow::timeouts_of(wanted.value).any()) {
        return wanted.value == there.value;
    }
    return openflow::with_timeouts(wanted.value, {}) == there.value;
}

Status Flows::arm(instance::Control& from, instance::Control& to, const Snapshot& source, Snapshot& target) {
    TRY(load_timed(read_timed(from, source), to));
    target = source;
    armed_ = true;
    learns_ = std::ranges::any_of(source, [](const Entry& flow) { return openflow::learns(flow.value); });
    shortens_ = std::ranges::any_of(source, [](const Entry& flow) { return openflow::shortens_timeouts(flow.value); });
    return {};
}

Status Flows::load(instance::Control& to, const Changes& changes) {
    if (!armed_) {
        return load_flows(to, changes, FlowTimeouts::left_out, FlowRefusals::leave_others);   // no packets come to it
    }
    Changes anew = changes;
    // A packet has just met it: its idle time begins with that, not when it was armed (state/flow_timeouts.h).
    auto is_shortened = [](const Entry& flow) { return may_be_shortened(flow) && openflow::learned_by(flow.value).empty(); };
    for (Snapshot* entries : {&anew.remove, &anew.add}) {
        std::ranges::copy_if(changes.change, std::back_inserter(*entries), is_shortened);
    }
    std::erase_if(anew.change, is_shortened);
    return load_flows(to, anew, FlowTimeouts::kept);
}

std::string Flows::describe(const Entry& entry) const {
    return fmt::format("{}: {}", bridge_of(entry), openflow::describe_flow(entry.value));
}

Status Flows::follow(instance::Control& from) {
    unfollow();
    for (const std::string& bridge : from.bridges()) {
        watches_.emplace(bridge, Watch::open(from, bridge));
    }
    return {};
}

void Flows::unfollow() {
    watches_.clear();
}

Result<Snapshot> Flows::changed_since(instance::Control& from, Snapshot last) {
    std::vector<std::string> bridges = from.bridges();
    keep_bridges(last, bridges);
    for (const std::string& bridge : bridges) {
        if (Status updated = update_bridge(from, bridge, last); !updated) {
            watches_.erase(bridge);   // its events may be half used: next time all is read
            return updated.error();
        }
    }
    return last;
}

Status Flows::update_bridge(instance::Control& from, const std::string& bridge, Snapshot& last) {
    std::unique_ptr<Watch>& watch = watches_[bridge];
    auto [begin, end] = range_of(last, bridge);
    auto shortened = maybe_shortened(std::span(last).subspan(begin, end - begin), packets_wait_ ? shortened_in_hold : last.size());
    std::optional<std::vector<FlowEvent>> events;
    openflow::Connection* connection = nullptr;
    std::optional<FlowReader> reader;
    if (watch && watch->sync()) {
        if (watch->updates.empty() && shortened.empty()) {
            return {};
        }
        connection = TRY(from.openflow(bridge));
        reader = TRY(FlowReader::open(*connection));
        events = watch->events(*reader);
    }
    if (events) {
        add_others(*events, std::move(shortened));
    }
    if (!events) {
        watch = Watch::open(from, bridge);   // before the dump: what changes meanwhile is then known
    }
    if (!events || events->size() > std::max(reread_always, (end - begin) / dump_share)) {
        replace_bridge(last, bridge, TRY(dump_bridge(from, bridge)));
        return {};
    }
    std::vector<std::string> dirty;
    std::vector<FlowEvent> reread;
    for (FlowEvent& event : *events) {
        dirty.push_back(bridge_key(bridge, event.key));
        if (event.what == FlowEvent::What::Changed) {
            reread.push_back(std::move(event));
        }
    }
    // New flows come after those that were there, in the order of the events.
    uint64_t next_place = place_after(std::span(last).subspan(begin, end - begin));
    std::vector<Flow> flows = TRY(reader->read(*connection, reread));
    TRY(restore_actions(from, bridge, *reader, flows));
    Snapshot now;
    auto event = reread.begin();
    for (Flow& flow : flows) {
        event = std::find_if(event, reread.end(), [&](const FlowEvent& e) { return e.key == flow.key; });
        flow.place = next_place + event->place;
        now.push_back(to_entry(bridge, std::move(flow)));
    }
    apply(last, dirty, std::move(now));
    return {};
}

}  // namespace hitless::state

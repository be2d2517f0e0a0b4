// Phases copy and verify, in both directions: the state of the active instance to the other.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include "ovsdb/conntrack_config.h"
#include "upgrade/phases.h"
#include "upgrade/probe.h"
#include "upgrade/sequences.h"
#include "upgrade/state_preflight.h"
#include "upgrade/tunnels.h"

namespace hitless::upgrade {
namespace {

// What of connections cannot be carried as it was.
void warn_of_connections(Step& step, Side to) {
    auto& pair = step.pair;
    // Nothing was learned of them: their windows are not known, and their packets would be invalid on 'to'.
    if (size_t unchecked = pair.windows.unchecked(to)) {
        step.warn(fmt::format("conntrack: {} TCP connections were idle, so that their sequence numbers are not known: {} does not "
                              "check TCP sequence numbers (dpctl/ct-get-tcp-seq-chk) until they have ended or shown them "
                              "(hitless/status counts them)", unchecked, to_string(to)));
    }
    const auto& uncarried = pair.kinds.conntrack->uncarried();
    if (uncarried.helpers || uncarried.related) {
        step.warn(fmt::format("conntrack: {} connections have a helper (ftp, tftp), and {} were announced by one: what is announced but not "
                              "open before the toggle is not +rel on {}, and those that are open go over as connections of their own",
                              uncarried.helpers, uncarried.related, to_string(to)));
    }
    for (const auto& word : uncarried.unknown) {
        step.warn(warn_of_unknown_word(other(to), word));
    }
}

TransferRecord& record_of(Summary& summary, const std::string& kind, Side from) {
    auto found = std::ranges::find_if(summary.transfers, [&](const TransferRecord& record) {
        return record.kind == kind && record.sender == from;
    });
    if (found == summary.transfers.end()) {
        found = summary.transfers.insert(found, TransferRecord{kind, from, 0, 0, 0, 0, {}, {}});
    }
    return *found;
}

// Kinds refer to each other: a flow that a controller has just added goes to a group that was not there when groups were read, so
// that 'to' refuses it. Then all is read again, from the first kind on. Where that is so each time, with another entry, the
// controller does nothing else: what is missing goes over once it has been cut off.
constexpr int kPasses = 5;

// Of a kind of which entries were refused just now.
Result<state::Copy> as_it_is(state::Kind& kind, Pair& pair, Side from) {
    state::Copy copy;
    copy.source = TRY(kind.dump(pair.control(from)));
    copy.target = TRY(kind.dump(pair.control(other(from))));
    return copy;
}

// Copies all kinds, one after the other. What has been copied is in 'copies' at once: later kinds may ask (zones_of_flows()).
Status copy_kinds(Step& step, Side from, std::vector<state::Copy>& copies) {
    auto& pair = step.pair;
    std::optional<Error> before;
    for (int pass = 1;; pass++) {
        copies.clear();
        std::optional<Error> refused;
        for (auto& kind : pair.kinds.list) {
            TRY(step.stop.check());
            step.update([&](Summary& summary) {
                summary.progress = Progress{std::string(kind->name()), "kinds", copies.size(), pair.kinds.list.size()};
            });
            auto copy = state::copy_kind(*kind, pair.control(from), pair.control(other(from)));
            if (!copy && pass == kPasses && before && before->message != copy.error().message) {
                copy = as_it_is(*kind, pair, from);
            }
            if (!copy) {
                refused = copy.error();
                break;
            }
            step.update([&](Summary& summary) {
                auto& record = record_of(summary, std::string(kind->name()), from);
                record.copied += copy->report.copied;
                record.identical = copy->report.identical;
                record.differing = copy->report.differing;
                record.duration += copy->report.times.total();
                record.longest_request = std::max(record.longest_request, copy->report.longest_request);
            });
            copies.push_back(std::move(*copy));
        }
        if (!refused) {
            return {};
        }
        if (pass == kPasses) {
            return *refused;
        }
        before = refused;
    }
}

Status copy_all(Step& step, Side from) {
    auto& pair = step.pair;
    for (auto& kind : pair.kinds.list) {
        TRY(kind->follow(pair.control(from)));
    }
    TRY(copy_kinds(step, from, pair.copies));
    if (pair.settings.probe_idle_tcp) {
        TRY(probe_idle_connections(step, other(from)));
    }
    return {};
}

// What does not go over.
struct Refused {
    Error error;
    std::chrono::seconds may_last;
};

// The time between copies of what is refused: each reads all of the active instance.
constexpr std::chrono::seconds kRetryAfter{2};

// Copies all kinds once more, and compares with how it went before.
Result<std::optional<Refused>> copy_again(Step& step, Side from) {
    auto& pair = step.pair;
    std::vector<state::Copy> now;
    TRY(copy_kinds(step, from, now));
    auto before = std::exchange(pair.copies, std::move(now));
    for (size_t i = 0; i < pair.kinds.list.size(); i++) {
        auto& kind = *pair.kinds.list[i];
        auto stuck = state::stuck(kind, before[i], pair.copies[i]);
        if (!stuck.empty()) {
            Error error = make_error("{}: {} entries are not on {} as they are on {}, though they were loaded or removed; try again when "
                                     "they have ended or changed (hitless/diff lists them); the first: {}", kind.name(), stuck.size(),
                                     to_string(other(from)), to_string(from), kind.describe(stuck.front()));
            return std::optional(Refused{error, kind.refused_for(stuck.front())});
        }
    }
    return std::optional<Refused>();
}

state::TimeoutPolicy to_policy(const std::map<std::string, int64_t>& seconds) {
    state::TimeoutPolicy policy;
    auto set = [&](const char* name, uint32_t& to) {
        if (auto found = seconds.find(name); found != seconds.end()) {
            to = static_cast<uint32_t>(found->second);
        }
    };
    set("udp_multiple", policy.udp_both_ways_s);
    set("icmp_reply", policy.icmp_both_ways_s);
    return policy;
}

// Zones that flows send packets through.
std::set<uint16_t> zones_of_flows(const Pair& pair) {
    constexpr std::string_view mark = "zone=";
    std::set<uint16_t> zones;
    auto flows = pair.copied("flows");
    if (!flows) {
        return zones;
    }
    for (const auto& entry : pair.copies[*flows].source) {
        std::string text = pair.kinds.list[*flows]->describe(entry);
        for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + mark.size())) {
            uint16_t zone = 0;
            if (std::from_chars(text.data() + at + mark.size(), text.data() + text.size(), zone).ec == std::errc()) {
                zones.insert(zone);
            }
        }
    }
    return zones;
}

// Whether what packets are seen to pass says all of what may have changed connections (Steering::watch()): not of those in tunnels, and
// not where connections end sooner than a direction counts as one of late.
Result<bool> can_watch_connections(instance::Control& from, const ovsdb::ConntrackConfig& config) {
    for (const auto& [zone, timeouts] : config.zone_timeouts) {
        for (const auto& [name, seconds] : timeouts) {
            if (std::chrono::seconds(seconds) < 2 * datapath::kOfLate) {
                return false;
            }
        }
    }
    return tunnel_endpoints(TRY(from.call("tnl/ports/show", {"-v"}))).empty();
}

Result<state::KindOptions> kind_options(Pair& pair, const control::Front& front, Side from) {
    auto client = TRY(ovsdb::Client::connect(TRY(pair.a.database_socket())));   // the operator's: B's is a copy of it
    auto config = TRY(ovsdb::read_conntrack_config(client));
    pair.can_watch = TRY(can_watch_connections(pair.control(from), config));
    pair.watched = false;
    state::KindOptions options;
    options.sequence_check = pair.windows.check;
    options.zone_limits = pair.zone_limits;
    if (!config.has_limits) {   // else they are set in the database, too
        options.commands = [&front] { return front.passed(); };
    }
    options.conntrack.copies = pair.windows.copies;
    options.conntrack.sequences = learned_sequences(*pair.steering);
    options.conntrack.passed = passed_since_watch(pair);
    for (const auto& [zone, seconds] : config.zone_timeouts) {
        options.conntrack.zone_timeouts[zone] = to_policy(seconds);
    }
    options.conntrack.zones = [&pair, zones = std::move(config.zones)] {
        auto all = zones_of_flows(pair);
        all.insert(zones.begin(), zones.end());
        return all;
    };
    return options;
}

}  // namespace

Status run_copy(Step& step, Side from) {
    auto& pair = step.pair;
    pair.look_after_nobody();
    instance::Unhurried unhurried(pair.control(from));
    for (auto& kind : pair.kinds.list) {
        kind->unfollow();
    }
    bool checks = TRY(pair.windows.check->wanted(pair.control(from)));
    TRY(pair.change_record(step.places, [checks](PairRecord& record) { record.checks_sequences = checks; }));
    pair.kinds = state::all_kinds(TRY(kind_options(pair, step.front, from)));
    step.agent(from).on(Verb::failover, [] { return std::string("transferring state"); });
    step.agent(other(from)).on(Verb::transfer, [&step, from]() -> Result<std::string> {
        TRY(copy_all(step, from));
        size_t entries = 0;
        for (const auto& copy : step.pair.copies) {
            entries += copy.source.size();
        }
        return fmt::format("{} entries of {} kinds loaded", entries, step.pair.copies.size());
    });
    TRY(step.operator_agent.tell(step.agent(from), Verb::failover,
                                 fmt::format("to {}", to_string(other(from)))));
    return step.agent(from).tell(step.agent(other(from)), Verb::transfer,
                                 fmt::format("{} bridges", pair.bridge_names().size()));
}

Status run_verify(Step& step, Side from) {
    auto& pair = step.pair;
    instance::Unhurried unhurried(pair.control(from));
    auto began = std::chrono::steady_clock::now();
    while (auto refused = TRY(copy_again(step, from))) {
        if (std::chrono::steady_clock::now() - began >= refused->may_last) {
            return refused->error;
        }
        step.stop.wait(kRetryAfter);
    }
    warn_of_connections(step, other(from));
    pair.publish();
    return {};
}

}  // namespace hitless::upgrade

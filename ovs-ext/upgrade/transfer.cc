// Phases copy and verify, in both directions: the state of the active instance to the other.
#include <algorithm>

#include "upgrade/phases.h"
#include "upgrade/sequences.h"

namespace hitless::upgrade {
namespace {

// TCP connections of which nothing was learned: their windows are not known, and their packets would be invalid on 'to'.
void warn_of_unlearned(Step& step, Side to) {
    auto& pair = step.pair;
    size_t unlearned = pair.kinds.conntrack->connections_without_numbers(to);
    if (unlearned && pair.kinds.sequence_check->suspended(to)) {
        step.warn(fmt::format("conntrack: {} TCP connections were idle, so that their sequence numbers are not known: {} does "
                              "not check TCP sequence numbers (dpctl/ct-get-tcp-seq-chk) for their sake", unlearned, to_string(to)));
    }
}

TransferRecord& record_of(Summary& summary, const std::string& kind, Side from) {
    auto found = std::ranges::find_if(summary.transfers, [&](const TransferRecord& record) {
        return record.kind == kind && record.sender == from;
    });
    if (found == summary.transfers.end()) {
        found = summary.transfers.insert(found, TransferRecord{kind, from, 0, 0, 0, 0, {}});
    }
    return *found;
}

Status copy_all(Step& step, Side from) {
    auto& pair = step.pair;
    auto& source = pair.control(from);
    auto& target = pair.control(other(from));
    pair.copies.clear();
    for (auto& kind : pair.kinds.list) {
        TRY(step.stop.check());
        TRY(kind->follow(source));
        pair.copies.push_back(TRY(state::copy_kind(*kind, source, target)));
        const auto& report = pair.copies.back().report;
        step.update([&](Summary& summary) {
            auto& record = record_of(summary, std::string(kind->name()), from);
            record.copied += report.copied;
            record.duration += report.times.total();
        });
    }
    return {};
}

// Entries that differ after a copy, and did so, unchanged, after the copy before: they do not go over. (In a source that changes all
// the time some entries always differ, but not the same ones: the delta in the hold brings them.)
state::Snapshot not_carried(const state::Copy& before, const state::Copy& now) {
    auto then = state::diff(before.source, before.target);
    auto still = state::diff(now.source, now.target);
    state::Snapshot stuck;
    for (auto* entries : {&still.add, &still.change}) {
        for (auto& entry : *entries) {
            if (std::ranges::find(then.add, entry) != then.add.end() ||
                std::ranges::find(then.change, entry) != then.change.end()) {
                stuck.push_back(std::move(entry));
            }
        }
    }
    return stuck;
}

}  // namespace

Status run_copy(Step& step, Side from) {
    auto& pair = step.pair;
    for (auto& kind : pair.kinds.list) {
        kind->unfollow();
    }
    state::KindOptions options;
    options.conntrack.sequences = learned_sequences(*pair.steering);
    pair.kinds = state::all_kinds(options);
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
    for (size_t i = 0; i < pair.kinds.list.size(); i++) {
        TRY(step.stop.check());
        auto& kind = *pair.kinds.list[i];
        auto before = std::move(pair.copies[i]);
        pair.copies[i] = TRY(state::copy_kind(kind, pair.control(from), pair.control(other(from))));
        const auto& copy = pair.copies[i];
        step.update([&](Summary& summary) {
            auto& record = record_of(summary, std::string(kind.name()), from);
            record.copied += copy.report.copied;
            record.identical = copy.report.identical;
            record.differing = copy.report.differing;
            record.duration += copy.report.times.total();
        });
        auto stuck = not_carried(before, copy);
        if (!stuck.empty()) {
            return make_error("{}: {} entries are not on {} as they are on {}, though they were loaded; the first: {}",
                              kind.name(), stuck.size(), to_string(other(from)), to_string(from),
                              kind.describe(stuck.front()));
        }
    }
    warn_of_unlearned(step, other(from));
    return {};
}

}  // namespace hitless::upgrade

#include "state/copy.h"

#include <algorithm>
#include <iterator>

namespace hitless::state {

namespace {

using Clock = std::chrono::steady_clock;

// Runs 'step' and adds the time it took to 'sum'.
template <typename Step>
auto timed(std::chrono::microseconds& sum, Step step) {
    auto start = Clock::now();
    auto result = step();
    sum += std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    return result;
}

// The changes without removals that need not be.
Changes needed_changes(const Kind& kind, const Snapshot& from, const Snapshot& to, size_t& harmless) {
    Changes changes = diff(kind, from, to);
    auto needed = std::stable_partition(changes.remove.begin(), changes.remove.end(),
                                        [&](const Entry& entry) { return !kind.harmless_extra(entry); });
    harmless = static_cast<size_t>(changes.remove.end() - needed);
    changes.remove.erase(needed, changes.remove.end());
    return changes;
}

void add_examples(const Kind& kind, const Changes& changes, size_t limit, std::vector<std::string>& examples) {
    auto add = [&](const char* what, const Snapshot& entries) {
        for (const Entry& entry : entries) {
            if (examples.size() == limit) {
                return;
            }
            examples.push_back(std::string(what) + kind.describe(entry));
        }
    };
    add("missing: ", changes.add);
    add("different: ", changes.change);
    add("extra: ", changes.remove);
}

void count(const Kind& kind, const Snapshot& from, const Changes& left, size_t examples, CopyReport& report) {
    report.identical = from.size() - left.add.size() - left.change.size();
    report.differing = left.size();
    report.missing = left.add.size();
    report.different = left.change.size();
    report.extra = left.remove.size();
    add_examples(kind, left, examples, report.examples);
}

Error of_kind(const Kind& kind, const Error& cause) {
    return std::string(kind.name()) / cause;
}

// Loads and refreshes. Entries carried out are counted even if a later one is refused.
Status load_changes(Kind& kind, instance::Control& to, const Changes& changes, CopyReport& report) {
    if (!changes.empty()) {
        Status loaded = timed(report.times.load, [&] { return kind.load(to, changes); });
        if (!loaded) {
            return of_kind(kind, loaded.error());
        }
        report.copied += changes.size();
        report.rounds++;
    }
    Status refreshed = timed(report.times.refresh, [&] { return kind.refresh(to); });
    return refreshed ? Status() : of_kind(kind, refreshed.error());
}

Result<Snapshot> read(Kind& kind, instance::Control& control, CopyTimes& times) {
    auto snapshot = timed(times.read, [&] { return kind.dump(control); });
    return snapshot ? std::move(snapshot) : of_kind(kind, snapshot.error());
}

Result<Snapshot> read_changed(Kind& kind, instance::Control& control, Snapshot last, CopyTimes& times) {
    auto snapshot = timed(times.read, [&] { return kind.changed_since(control, std::move(last)); });
    return snapshot ? std::move(snapshot) : of_kind(kind, snapshot.error());
}

}  // namespace

Result<Copy> copy_kind(Kind& kind, instance::Control& from, instance::Control& to, const CopyLimits& limits) {
    Copy copy;
    CopyReport& report = copy.report;
    from.take_longest_request();   // what was before is no part of it
    copy.source = TRY(read(kind, from, report.times));
    copy.target = TRY(read(kind, to, report.times));
    for (;;) {
        Changes changes = timed(report.times.compare,
                                [&] { return needed_changes(kind, copy.source, copy.target, report.harmless); });
        if (changes.empty() || report.rounds == limits.rounds) {
            TRY(load_changes(kind, to, {}, report));
            count(kind, copy.source, changes, limits.examples, report);
            report.longest_request = from.take_longest_request();
            return copy;
        }
        TRY(load_changes(kind, to, changes, report));
        copy.target = TRY(read(kind, to, report.times));
        copy.source = TRY(read_changed(kind, from, std::move(copy.source), report.times));
    }
}

Result<CopyReport> delta(Kind& kind, instance::Control& from, instance::Control& to, Copy& copy) {
    CopyReport report;
    from.take_longest_request();
    copy.source = TRY(read_changed(kind, from, std::move(copy.source), report.times));
    Changes changes = timed(report.times.compare,
                            [&] { return needed_changes(kind, copy.source, copy.target, report.harmless); });
    TRY(load_changes(kind, to, changes, report));
    apply_changes(copy.target, changes);
    count(kind, copy.source, {}, 0, report);
    report.longest_request = from.take_longest_request();
    return report;
}

Snapshot stuck(const Kind& kind, const Copy& before, const Copy& now) {
    size_t harmless = 0;
    Changes then = needed_changes(kind, before.source, before.target, harmless);
    Changes still = needed_changes(kind, now.source, now.target, harmless);
    std::erase_if(still.add, [&](const Entry& entry) { return kind.harmless_missing(entry); });
    Snapshot entries;
    for (auto changes : {&Changes::add, &Changes::change, &Changes::remove}) {
        std::ranges::copy_if(still.*changes, std::back_inserter(entries), [&](const Entry& entry) {
            auto same = std::ranges::lower_bound(then.*changes, entry.key, {}, &Entry::key);
            return same != (then.*changes).end() && *same == entry;
        });
    }
    return entries;
}

Result<CopyReport> verify(Kind& kind, instance::Control& from, instance::Control& to, const CopyLimits& limits) {
    CopyReport report;
    Snapshot source = TRY(read(kind, from, report.times));
    Snapshot target = TRY(read(kind, to, report.times));
    Changes changes = timed(report.times.compare, [&] { return needed_changes(kind, source, target, report.harmless); });
    count(kind, source, changes, limits.examples, report);
    return report;
}

}  // namespace hitless::state

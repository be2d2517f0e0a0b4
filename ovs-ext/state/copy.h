// Copying a kind of state from one instance to the other: the same few steps for all kinds.
//
//   copy_kind()   before the hold: until both are equal or the source has changed too often;
//   delta()       in the hold: only what changed since, as fast as it can be;
//   verify()      whether both are equal now.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "state/kind.h"

namespace hitless::state {

struct CopyLimits {
    unsigned rounds = 5;       // loads: a source that changes all the time is never equal; delta() brings the rest
    size_t examples = 3;       // of differences
};

// The steps of a copy and how long they took, all rounds together.
struct CopyTimes {
    std::chrono::microseconds read{}, compare{}, load{}, refresh{};

    std::chrono::microseconds total() const { return read + compare + load + refresh; }
};

struct CopyReport {
    size_t copied = 0;         // entries loaded or removed
    size_t identical = 0;      // in both at the end
    size_t differing = 0;      // missing, different or extra at the end
    size_t missing = 0, different = 0, extra = 0;   // of these
    size_t harmless = 0;       // extra at the end, may stay (Kind::harmless_extra())
    unsigned rounds = 0;       // loads that were done
    CopyTimes times;
    std::chrono::microseconds longest_request{};   // to the source (Control::take_longest_request())
    std::vector<std::string> examples;   // of what differs: "missing: ...", "different: ...", "extra: ..."
};

// What a copy has led to: what delta() starts from.
struct Copy {
    Snapshot source, target;   // as last read or loaded
    CopyReport report;
};

// Makes 'to' equal to 'from' and reads back what it has then. An Error when an instance refuses.
Result<Copy> copy_kind(Kind& kind, instance::Control& from, instance::Control& to, const CopyLimits& limits = {});

// Brings what changed in 'from' since 'copy' to 'to', which nobody else may have changed, and updates 'copy'. Does not read 'to':
// 'identical' and 'differing' of the report suppose that the load did what it was asked to.
Result<CopyReport> delta(Kind& kind, instance::Control& from, instance::Control& to, Copy& copy);

// Entries that differ after the copy 'now', and did so, unchanged, after the one before: they do not go over, or not away. (In a source
// that changes all the time some entries always differ, but not the same ones: delta() brings them.) Without those that may be missing.
Snapshot stuck(const Kind& kind, const Copy& before, const Copy& now);

// Compares without changing anything.
Result<CopyReport> verify(Kind& kind, instance::Control& from, instance::Control& to, const CopyLimits& limits = {});

}  // namespace hitless::state

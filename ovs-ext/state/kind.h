// What is copied from one instance to the other, kind by kind.
//
// How to add a kind:
//   1. Write a class that implements Kind in a file of its own: dump() reads all of it from an instance in canonical form,
//      load() makes changes in an instance, describe() names an entry for people.
//   2. Add it to all_kinds() (state/kinds.cc) at its place: kinds are loaded in that order, for flows refer to groups, groups
//      to meters...
// Everything else (diff, copy, verification, the final delta in the hold, reports) is common code: state/copy.h.
//
// Kinds know nothing of packets' ways and of upgrades.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "instance/control.h"

namespace hitless::state {

// One thing of a kind. 'key' says which it is, 'value' what it is like: two entries of equal key and value are the same.
// Both are canonical byte strings that only the kind itself understands; they do not depend on the instance or its version.
struct Entry {
    std::string key;
    std::string value;
    // Where the order of making entries matters: those of lower places, in the snapshot it comes from, are made first. Says nothing
    // of what the entry is like.
    uint64_t place = 0;

    bool operator==(const Entry& other) const { return key == other.key && value == other.value; }
};

// All entries of a kind, sorted by key, keys unique.
using Snapshot = std::vector<Entry>;

void sort_by_key(Snapshot& snapshot);

// What makes one snapshot out of another.
struct Changes {
    Snapshot add;       // missing
    Snapshot change;    // same key, other value: the new value
    Snapshot remove;    // extra

    bool empty() const { return add.empty() && change.empty() && remove.empty(); }
    size_t size() const { return add.size() + change.size() + remove.size(); }
};

// The changes that make 'to' equal to 'from'. Both sorted.
Changes diff(const Snapshot& from, const Snapshot& to);

class Kind;
// The same by what 'kind' takes for the same (Kind::same()).
Changes diff(const Kind& kind, const Snapshot& from, const Snapshot& to);

// Carries out 'changes' in 'snapshot'. Entries of 'changes' that do not fit (a removal of what is not there) have no effect.
void apply_changes(Snapshot& snapshot, const Changes& changes);

// 'command' of each bridge of 'from'.
std::vector<unixctl::Request> requests_of_bridges(const instance::Control& from, const std::string& command);

class Kind {
  public:
    virtual ~Kind() = default;

    // The word for this kind in commands, reports and the database: "flows".
    virtual std::string_view name() const = 0;

    // Reads everything of this kind.
    virtual Result<Snapshot> dump(instance::Control& from) = 0;

    // What dump() or changed_since() will ask of 'from' first, where that is known before: it can be asked together with what other kinds ask.
    virtual std::vector<unixctl::Request> requests(const instance::Control& from) const {
        (void) from;
        return {};
    }

    // Carries out 'changes' and waits until they are in effect. What the instance refuses is an Error naming the entry; what
    // was carried out before it stays.
    virtual Status load(instance::Control& to, const Changes& changes) = 0;

    // Brings up to date in 'to' what is no part of a value but passes with time (ages, TCP windows), for the entries that the
    // last dump() of 'to' and what was loaded since have there. Called in the hold too: costs little when little has passed.
    virtual Status refresh(instance::Control& to) {
        (void) to;
        return {};
    }

    // Whether 'there', of the same key, is what an instance that stands by shall have for 'wanted': its value, but for what is
    // withheld until arm().
    virtual bool same(const Entry& wanted, const Entry& there) const { return wanted.value == there.value; }

    // Whether an entry that the target has and the source has not may stay: it is not removed and not counted as a difference.
    // Only for what does no harm to packets and goes away by itself.
    virtual bool harmless_extra(const Entry& extra) const {
        (void) extra;
        return false;
    }

    // Whether an entry that the source has may be missing where the target does not take it: packets fare no worse without. It is
    // loaded all the same, and counted as a difference.
    virtual bool harmless_missing(const Entry& missing) const {
        (void) missing;
        return false;
    }

    // For how long the target may refuse 'entry' and take it after all.
    virtual std::chrono::seconds refused_for(const Entry& entry) const {
        (void) entry;
        return {};
    }

    // Called once, right before the hold, with the snapshots that a copy has led to: starts in 'to' what must not run while it
    // stands by (timeouts), and brings 'target' up to date.
    virtual Status arm(instance::Control& from, instance::Control& to, const Snapshot& source, Snapshot& target) {
        (void) from, (void) to, (void) source, (void) target;
        return {};
    }

    // Whether packets themselves change it, and not only management, which is cut off before the hold: only this is read once
    // more in the hold, where every request to the instance is time that packets wait. Asked after arm().
    virtual bool changed_by_packets() const { return true; }

    // From now on packets wait for what is asked of it: what counts is how long all requests to an instance take together, no
    // longer how long the longest of them stalls it.
    virtual void packets_wait() {}

    // 'entry' in the words of ovs-ofctl or ovs-appctl, one line.
    virtual std::string describe(const Entry& entry) const = 0;

    // Following (optional). follow() starts to take note of changes in 'from'; changed_since() then returns the snapshot as
    // it is now, given 'last', the one that dump() or changed_since() returned before, and costs little when little has
    // changed. A kind that cannot follow reads everything anew.
    virtual Status follow(instance::Control& from) {
        (void) from;
        return {};
    }
    virtual Result<Snapshot> changed_since(instance::Control& from, Snapshot last) {
        (void) last;
        return dump(from);
    }
    virtual void unfollow() {}
};

}  // namespace hitless::state

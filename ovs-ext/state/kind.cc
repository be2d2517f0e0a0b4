#include "state/kind.h"

#include <algorithm>
#include <cstddef>

namespace hitless::state {

namespace {

template <typename Same>
Changes diff_by(const Snapshot& from, const Snapshot& to, Same same) {
    Changes changes;
    auto f = from.begin();
    auto t = to.begin();
    while (f != from.end() || t != to.end()) {
        if (t == to.end() || (f != from.end() && f->key < t->key)) {
            changes.add.push_back(*f++);
        } else if (f == from.end() || t->key < f->key) {
            changes.remove.push_back(*t++);
        } else {
            if (!same(*f, *t)) {
                changes.change.push_back(*f);
            }
            ++f;
            ++t;
        }
    }
    return changes;
}

}  // namespace

void sort_by_key(Snapshot& snapshot) {
    std::ranges::sort(snapshot, {}, &Entry::key);
}

Changes diff(const Snapshot& from, const Snapshot& to) {
    return diff_by(from, to, [](const Entry& f, const Entry& t) { return f.value == t.value; });
}

Changes diff(const Kind& kind, const Snapshot& from, const Snapshot& to) {
    return diff_by(from, to, [&](const Entry& f, const Entry& t) { return kind.same(f, t); });
}

void apply_changes(Snapshot& snapshot, const Changes& changes) {
    auto find = [&](const std::string& key) {
        return std::lower_bound(snapshot.begin(), snapshot.end(), key, [](const Entry& entry, const std::string& k) { return entry.key < k; });
    };
    for (const Entry& entry : changes.change) {
        if (auto at = find(entry.key); at != snapshot.end() && at->key == entry.key) {
            at->value = entry.value;
        }
    }
    if (!changes.remove.empty()) {
        auto gone = changes.remove.begin();
        snapshot.erase(std::remove_if(snapshot.begin(), snapshot.end(),
                                      [&](const Entry& entry) {
                                          while (gone != changes.remove.end() && gone->key < entry.key) {
                                              ++gone;
                                          }
                                          return gone != changes.remove.end() && gone->key == entry.key;
                                      }),
                       snapshot.end());
    }
    if (!changes.add.empty()) {
        auto middle = static_cast<std::ptrdiff_t>(snapshot.size());
        snapshot.insert(snapshot.end(), changes.add.begin(), changes.add.end());
        std::inplace_merge(snapshot.begin(), snapshot.begin() + middle, snapshot.end(),
                           [](const Entry& a, const Entry& b) { return a.key < b.key; });
    }
}

std::vector<unixctl::Request> requests_of_bridges(const instance::Control& from, const std::string& command) {
    std::vector<unixctl::Request> requests;
    for (const std::string& bridge : from.bridges()) {
        requests.push_back({command, {bridge}});
    }
    return requests;
}

}  // namespace hitless::state

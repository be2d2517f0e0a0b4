#include "state/kind.h"

namespace hitless::state {

Changes diff(const Snapshot& from, const Snapshot& to) {
    Changes changes;
    auto f = from.begin();
    auto t = to.begin();
    while (f != from.end() || t != to.end()) {
        if (t == to.end() || (f != from.end() && f->key < t->key)) {
            changes.add.push_back(*f++);
        } else if (f == from.end() || t->key < f->key) {
            changes.remove.push_back(*t++);
        } else {
            if (f->value != t->value) {
                changes.change.push_back(*f);
            }
            ++f;
            ++t;
        }
    }
    return changes;
}

}  // namespace hitless::state

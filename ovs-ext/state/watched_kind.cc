#include "state/watched_kind.h"

#include "state/bridge_key.h"

namespace hitless::state {

Result<Snapshot> WatchedKind::changed_since(instance::Control& from, Snapshot last) {
    keep_bridges(last, from.bridges());
    std::vector<std::string> stale;
    for (const std::string& bridge : from.bridges()) {
        if (watch_.changed(from, bridge)) {
            stale.push_back(bridge);
        }
    }
    for (const std::string& bridge : stale) {
        Snapshot now;
        TRY(append_bridge(from, bridge, now));
        replace_bridge(last, bridge, std::move(now));
    }
    return last;
}

}  // namespace hitless::state

#include "state/bridge_kind.h"

namespace hitless::state {

Result<Snapshot> BridgeKind::dump(instance::Control& from) {
    Snapshot snapshot;
    for (const std::string& bridge : from.bridges()) {
        TRY(append_bridge(from, bridge, snapshot));
    }
    return snapshot;
}

}  // namespace hitless::state

#include "state/zone_limits.h"

#include "state/conntrack_settings_parser.h"

namespace hitless::state {

Result<Snapshot> ZoneLimits::read(instance::Control& from, std::optional<uint64_t> commands) {
    auto last = last_.find(from.side());
    if (last != last_.end() && last->second.commands == commands) {
        return last->second.limits;
    }
    forget(from.side());
    Snapshot limits = TRY(parse_conntrack_limits(TRY(from.call("dpctl/ct-get-limits"))));
    if (commands) {
        last_[from.side()] = {*commands, limits};
    }
    return limits;
}

}  // namespace hitless::state

#include "state/zone_limits.h"

#include "state/conntrack_settings_parser.h"

namespace hitless::state {

Result<Snapshot> ZoneLimits::read(instance::Control& from, std::optional<uint64_t> commands) {
    auto& last = last_[index_of(from.side())];
    if (commands && last && last->commands == *commands) {
        return last->limits;
    }
    last.reset();
    Snapshot limits = TRY(parse_conntrack_limits(TRY(from.call("dpctl/ct-get-limits"))));
    if (commands) {
        last = Reading{*commands, limits};
    }
    return limits;
}

}  // namespace hitless::state

// Reads what a switch prints of the connection tracker's settings, as Open vSwitch 2.17 to 3.7 print it. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "state/kind.h"

namespace hitless::state {

// Keys of the entries; values are what the commands that set them take.
inline constexpr std::string_view default_limit_key = "limit default", zone_limit_prefix = "limit zone ", sweep_interval_key = "sweep-interval",
                                  fragments_prefix = "fragments ";

// dpctl/ct-get-limits: "default limit=0", "zone=1,limit=5,count=0"... A default limit of 0, of 4294967295 or "unlimited" is none.
// A zone's limit is kept in any case: it stands in the default's place. Sorted.
Result<Snapshot> parse_conntrack_limits(std::string_view text);

// dpctl/ct-get-sweep-interval (3.2 and later): a number of milliseconds, among words. The default of 20 s is no entry: then a
// version without the command is no different.
Result<Snapshot> parse_sweep_interval(std::string_view text);

// dpctl/ipf-get-status: "fragments v4" and "fragments v6" (enabled or disabled), "fragments v4 min" and "fragments v6 min" (the
// least size of a fragment but the last), "fragments max" (kept at one time). Its counters are no settings. Sorted.
Result<Snapshot> parse_ipf_status(std::string_view text);

}  // namespace hitless::state

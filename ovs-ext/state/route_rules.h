// The kind "route-rules": which routing table userspace tunnels look into, as far as somebody told the switch itself
// (ovs/route/rule/add, from Open vSwitch 3.7 on). Those of the kernel, which it only has a copy of, are no part of it.
//
// Key: the rule as the switch prints it. No value.
#pragma once

#include "state/kind.h"

namespace hitless::state {

struct RouteRule {
    bool v6 = false, inverted = false;
    uint32_t priority = 0;
    std::string source, table;   // "10.0.0.0/24" or "all"; "main" or "10"

    bool operator==(const RouteRule&) const = default;
};

// Reads what `ovs/route/rule/show` prints, of IPv4, or with -6 of IPv6.
Result<std::vector<RouteRule>> parse_route_rules(std::string_view text, bool v6);

Entry to_entry(const RouteRule& rule);
Result<RouteRule> to_route_rule(const Entry& entry);

class RouteRules : public Kind {
  public:
    std::string_view name() const override { return "route-rules"; }
    Result<Snapshot> dump(instance::Control& from) override;
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override { return "rule " + entry.key; }
    bool changed_by_packets() const override { return false; }
};

}  // namespace hitless::state

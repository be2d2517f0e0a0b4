// What hitless/metrics prints: Prometheus' text format, version 0.0.4. docs/metrics.md has the names; they keep their meaning. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appctl/render.h"

namespace hitless::appctl {

struct MetricsReport {
    StatusReport status;
    std::vector<upgrade::Summary> history;       // all that is kept, oldest first
    std::optional<datapath::Bond> bond;          // while there is one
};

std::string metrics_text(const MetricsReport& report);

}  // namespace hitless::appctl

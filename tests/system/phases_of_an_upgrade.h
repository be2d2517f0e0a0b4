// For tests that are run once for each phase. Needs hitless-plan.
#pragma once

#include <string>
#include <vector>

#include "upgrade/plan.h"

namespace hitless::test {

inline std::vector<std::string> phases_of_an_upgrade() {
    std::vector<std::string> names;
    auto plan = upgrade::make_plan(upgrade::State::idle, upgrade::Command::upgrade, false);
    for (auto phase : plan->phases) {
        names.emplace_back(to_string(phase));
    }
    return names;
}

}  // namespace hitless::test

// All kinds of state, in the order in which they are loaded.
#pragma once

#include <memory>
#include <vector>

#include "state/conntrack.h"
#include "state/conntrack_settings.h"
#include "state/kind.h"

namespace hitless::state {

struct KindOptions {
    ConntrackOptions conntrack;
    // Of an earlier copy between the same instances; none: there was none.
    std::shared_ptr<SequenceCheck> sequence_check;
    std::shared_ptr<ZoneLimits> zone_limits;
    CommandCount commands;
};

struct Kinds {
    std::vector<std::unique_ptr<Kind>> list;
    // Of 'list', for what only connections have: how many are without sequence numbers, and the window check that is
    // suspended for them.
    Conntrack* conntrack = nullptr;
    std::shared_ptr<SequenceCheck> sequence_check;
};

Kinds all_kinds(KindOptions options = {});

}  // namespace hitless::state

// Making changes of flows: what the kind of flows and their timeouts have in common.
#pragma once

#include "instance/control.h"
#include "state/kind.h"

namespace hitless::state {

enum class FlowTimeouts { kept, left_out };

// Carries out 'changes', of entries of the kind Flows, in bundles.
Status load_flows(instance::Control& to, const Changes& changes, FlowTimeouts timeouts);

}  // namespace hitless::state

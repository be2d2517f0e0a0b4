// Making changes of flows: what the kind of flows and their timeouts have in common.
#pragma once

#include "instance/control.h"
#include "state/kind.h"

namespace hitless::state {

enum class FlowTimeouts { kept, left_out };

// What a bundle of which a flow is refused leaves: nothing, or all the others, made one by one, which packets would notice.
enum class FlowRefusals { leave_nothing, leave_others };

// Carries out 'changes', of entries of the kind Flows, in bundles. An Error names the first flow that was refused.
Status load_flows(instance::Control& to, const Changes& changes, FlowTimeouts timeouts,
                  FlowRefusals refusals = FlowRefusals::leave_nothing);

}  // namespace hitless::state

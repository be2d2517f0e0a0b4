// Asks idle TCP connections for their sequence numbers (other_config:probe-idle-tcp of ovs-hitless.db(5), where it says why
// that is harmless, and when it is not).
#pragma once

#include "upgrade/phases.h"

namespace hitless::upgrade {

// Asks one host of each connection that 'to' has been given without numbers, and waits a moment for the answers, which the ports'
// programs learn from as from any other segment. What is learned gets its windows at once.
Status probe_idle_connections(Step& step, Side to);

}  // namespace hitless::upgrade

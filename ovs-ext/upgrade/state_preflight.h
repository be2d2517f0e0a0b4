// What of the state of a switch cannot be carried as it is, as far as it can be told before anything happens and without any packet
// that waits for longer than 20 ms. What takes reading all of it, phase verify warns of.
#pragma once

#include "instance/control.h"
#include "upgrade/preflight.h"

namespace hitless::upgrade {

// 'a' has been set up and runs. An Error where it does not answer.
Result<Findings> examine_state(instance::Control& a);

// Data connections that helpers (ftp, tftp) expect now. 0, too, of a version that does not show them (before 3.2).
Result<size_t> expected_connections(instance::Control& of);

}  // namespace hitless::upgrade

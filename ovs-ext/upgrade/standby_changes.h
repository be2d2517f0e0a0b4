// Changes of the operator's configuration while B stands by, which may be for days: B was made by that of an earlier time.
#pragma once

#include "upgrade/phases.h"

namespace hitless::upgrade {

// Before A's state is copied to B: brings B to the operator's configuration as it is now (legs, ports under A's numbers, bridges with
// their ids and parked controllers), and what the pair knows of the switch, its sockets among that. Error when the switch has become
// one that cannot be upgraded, or B has not got its ports as A has them.
Status bring_up_to_date(Step& step);

}  // namespace hitless::upgrade

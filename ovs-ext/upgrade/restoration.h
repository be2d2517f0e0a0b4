// Makes a pair again out of what a daemon that was killed has left, with B as the active instance: everything is possible then that
// was possible before.
#pragma once

#include "control/front.h"
#include "journal/journal.h"
#include "upgrade/pair.h"

namespace hitless::upgrade {

// The operator's switch as it is now, or, where it has ended, as 'record' says that it is started.
instance::OperatorSwitch find_or_recall(const Places& places, const PairRecord& record);

// On an Error all stays as it is, B forwards, and it can be tried again.
Result<std::shared_ptr<Pair>> restore_pair(const Places& places, control::Front& front, journal::Journal& journal,
                                           const PairRecord& record);

}  // namespace hitless::upgrade

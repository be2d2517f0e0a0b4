// Makes a pair again out of what a daemon that was killed has left: everything is possible then that was possible before. Either B is the
// active instance, or A, from a commit back on.
#pragma once

#include "control/front.h"
#include "journal/journal.h"
#include "upgrade/pair.h"

namespace hitless::upgrade {

// The operator's switch as it is now, or, where it has ended, as 'record' says that it is started.
instance::OperatorSwitch find_or_recall(const Places& places, const PairRecord& record);

// On an Error all stays as it is, who forwards forwards, and it can be tried again.
Result<std::shared_ptr<Pair>> restore_pair(const Places& places, control::Front& front, journal::Journal& journal,
                                           const PairRecord& record);

}  // namespace hitless::upgrade

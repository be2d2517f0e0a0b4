// TCP sequence numbers that the ports' programs have learned, as the state kind conntrack asks for them.
#pragma once

#include "datapath/steering.h"
#include "state/conntrack_types.h"

namespace hitless::upgrade {

// 'steering' outlives what is returned.
state::SequenceLookup learned_sequences(const datapath::Steering& steering);

}  // namespace hitless::upgrade

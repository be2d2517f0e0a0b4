// What the ports' programs have learned, as the state kind conntrack asks for it.
#pragma once

#include "datapath/steering.h"
#include "state/conntrack_types.h"

namespace hitless::upgrade {

// The tracker keeps IPv4 in the first four bytes, the programs as ::ffff:a.b.c.d.
std::array<uint8_t, 16> to_mapped(const state::IpAddress& address, bool v6);

// 'steering' outlives what is returned.
state::SequenceLookup learned_sequences(const datapath::Steering& steering);
// Since Steering::watch(). 'steering' outlives what is returned.
state::PassedLookup passed_since_watch(datapath::Steering& steering);

}  // namespace hitless::upgrade

// What the ports' programs have learned, as the state kind conntrack asks for it.
#pragma once

#include "datapath/steering.h"
#include "state/conntrack_types.h"
#include "upgrade/pair.h"

namespace hitless::upgrade {

// The tracker keeps IPv4 in the first four bytes, the programs as ::ffff:a.b.c.d.
std::array<uint8_t, 16> to_mapped(const state::IpAddress& address, bool v6);

// 'steering' outlives what is returned.
state::SequenceLookup learned_sequences(const datapath::Steering& steering);
// Since connections were read last; an Error where that is not known. 'pair' outlives what is returned.
state::PassedLookup passed_since_watch(Pair& pair);

}  // namespace hitless::upgrade

// TCP sequence numbers that the ports' programs have learned, as the state kind conntrack asks for them.
#pragma once

#include <string>
#include <unordered_map>

#include "datapath/steering.h"
#include "state/conntrack_types.h"

namespace hitless::upgrade {

class Sequences {
  public:
    // Takes in what was learned until now.
    Status read(const datapath::Steering& steering);

    // For state::ConntrackOptions; this object outlives it.
    state::SequenceLookup lookup() const;

  private:
    struct Hash {
        size_t operator()(const state::Tuple& tuple) const;
    };
    std::unordered_map<state::Tuple, state::TcpSequence, Hash> learned_;
};

// Exposed for its test: 'learned' as the tracker sees it.
state::Tuple to_tuple(const datapath::LearnedTcp& learned);

}  // namespace hitless::upgrade

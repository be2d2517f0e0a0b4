// The limits of zones of both instances, as they were read last. To list them, an instance looks for one of each of the 65,536
// zones, and forwards nothing for some ms: they are read again only when they may have changed.
//
// Outlives a copy: who copies back need not read what was just loaded. One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/side.h"
#include "instance/control.h"
#include "state/kind.h"

namespace hitless::state {

class ZoneLimits {
  public:
    // Those of 'from' as parse_conntrack_limits() returns them. 'commands': how many commands of others have reached the instances,
    // which may be the same as at an earlier call only if nobody can have changed limits since; nullopt: that is not known.
    Result<Snapshot> read(instance::Control& from, std::optional<uint64_t> commands);

    // They are about to be changed by ourselves, or the instance is another process now.
    void forget(Side side) { last_.erase(side); }

  private:
    struct Reading {
        uint64_t commands;
        Snapshot limits;
    };
    std::map<Side, Reading> last_;
};

}  // namespace hitless::state

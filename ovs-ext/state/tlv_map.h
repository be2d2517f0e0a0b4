// State kind: the bridges' maps from Geneve options to the fields tun_metadata0...63.
#pragma once

#include "state/kind.h"

namespace hitless::state {

// An entry is one mapping. Its key names the bridge and the field, its value the option.
class TlvMap : public Kind {
  public:
    std::string_view name() const override { return "tlv-maps"; }
    bool changed_by_packets() const override { return false; }
    Result<Snapshot> dump(instance::Control& from) override;
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override;
};

}  // namespace hitless::state

// Settings of the connection tracker: most connections, limits of zones, TCP window check, sweep interval, reassembly of
// fragments. Loaded before connections. (Timeout policies of zones are in the database, and so in a clone of it.)
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "state/kind.h"
#include "state/sequence_check.h"

namespace hitless::state {

// Keys: "maxconns", "tcp-seq-chk", and those of conntrack_settings_parser.h.
class ConntrackSettings : public Kind {
  public:
    explicit ConntrackSettings(std::shared_ptr<SequenceCheck> check) : check_(std::move(check)) {}

    std::string_view name() const override { return "conntrack-settings"; }
    bool changed_by_packets() const override { return false; }
    Result<Snapshot> dump(instance::Control& from) override;
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override { return entry.key + " = " + entry.value; }

  private:
    Status set(instance::Control& to, const Entry& entry);
    Status remove(instance::Control& to, const Entry& entry);

    std::shared_ptr<SequenceCheck> check_;
};

}  // namespace hitless::state

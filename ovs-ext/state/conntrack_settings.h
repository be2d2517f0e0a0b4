// Settings of the connection tracker: most connections, limits of zones, TCP window check. Loaded before connections.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/side.h"
#include "state/kind.h"

namespace hitless::state {

// The TCP window check of both instances: what the operator wants (a setting, to be copied), and what is so for the time being
// because connections were copied whose sequence numbers are not known.
class SequenceCheck {
  public:
    // What the operator has set in 'control' (dpctl/ct-get-tcp-seq-chk), whether suspended or not.
    Result<bool> wanted(instance::Control& control) const;
    Status set_wanted(instance::Control& control, bool wanted);

    // Whether the instance checks windows now.
    static Result<bool> effective(instance::Control& control);

    // Makes 'control' ignore windows until resume(); nothing where the operator has it so anyway.
    Status suspend(instance::Control& control);
    Status resume(instance::Control& control);
    bool suspended(Side side) const { return suspended_[index(side)]; }

  private:
    static size_t index(Side side) { return side == Side::A ? 0 : 1; }
    static Status set(instance::Control& control, bool enabled);

    std::array<bool, 2> suspended_{};
};

// Keys: "maxconns", "tcp-seq-chk", "limit default", "limit zone N"; values as OVS prints them.
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

// Reads what dpctl/ct-get-limits prints ("default limit=0", "zone=1,limit=5,count=0"...). A default limit of 0 is none.
Result<Snapshot> parse_conntrack_limits(std::string_view text);

}  // namespace hitless::state

// Settings of the connection tracker: most connections, limits of zones, TCP window check, sweep interval, reassembly of
// fragments. Loaded before connections. (Timeout policies of zones are in the database, and so in a clone of it.)
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "state/kind.h"
#include "state/sequence_check.h"
#include "state/zone_limits.h"

namespace hitless::state {

// As ZoneLimits::read() takes it; empty: it is not known.
using CommandCount = std::function<uint64_t()>;

// Keys: "maxconns", "tcp-seq-chk", and those of conntrack_settings_parser.h.
class ConntrackSettings : public Kind {
  public:
    // 'limits': as an earlier copy knows them; null: there was none.
    explicit ConntrackSettings(std::shared_ptr<SequenceCheck> check, std::shared_ptr<ZoneLimits> limits = {}, CommandCount commands = {})
        : check_(std::move(check)), limits_(limits ? std::move(limits) : std::make_shared<ZoneLimits>()), commands_(std::move(commands)) {}

    std::string_view name() const override { return "conntrack-settings"; }
    bool changed_by_packets() const override { return false; }
    Result<Snapshot> dump(instance::Control& from) override;
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override { return entry.key + " = " + entry.value; }

  private:
    Status set(instance::Control& to, const Entry& entry);
    Status remove(instance::Control& to, const Entry& entry);

    std::shared_ptr<SequenceCheck> check_;
    std::shared_ptr<ZoneLimits> limits_;
    CommandCount commands_;
};

}  // namespace hitless::state

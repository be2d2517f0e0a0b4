// State kind: the bridges' flows, of all tables.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "openflow/flow_table.h"
#include "state/kind.h"

namespace hitless::state {

// An entry is one flow. Its key names bridge, table, priority and match; its value is the flow mod that makes it
// (openflow/flow_table.h), with cookie, timeouts, importance, flags and instructions.
//
// Followed by a flow monitor on a connection of its own for each bridge. Its events lack importance and flags: they tell
// which flows to read again. Where there were too many events, all flows of the bridge are read again. Of timeouts that a
// fin_timeout action shortens there are no events: such flows are read again each time, in a hold as long as they are few.
class Flows : public Kind {
  public:
    Flows();
    ~Flows() override;

    std::string_view name() const override { return "flows"; }
    Result<Snapshot> dump(instance::Control& from) override;
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override;

    // An instance that stands by has flows without their timeouts, which would end there though packets keep them on the other
    // side. arm() starts them: the idle time anew, the hard one with what is left of it, rounded up to seconds.
    bool same(const Entry& wanted, const Entry& there) const override;
    Status arm(instance::Control& from, instance::Control& to, const Snapshot& source, Snapshot& target) override;

    // Since arm(): where there are learn() actions, or fin_timeout actions.
    bool changed_by_packets() const override { return learns_ || shortens_; }
    void packets_wait() override { packets_wait_ = true; }

    Status follow(instance::Control& from) override;
    Result<Snapshot> changed_since(instance::Control& from, Snapshot last) override;
    void unfollow() override;

  private:
    struct Watch;
    // Brings what 'last' has of 'bridge' up to date.
    Status update_bridge(instance::Control& from, const std::string& bridge, Snapshot& last);

    std::map<std::string, std::unique_ptr<Watch>> watches_;   // by bridge
    bool armed_ = false;                                      // flows are loaded with their timeouts
    bool learns_ = false, shortens_ = false;                  // in the source, as of arm()
    bool packets_wait_ = false;
};

}  // namespace hitless::state

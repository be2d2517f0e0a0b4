// The site of a real switch: owns the pair, and carries out the conductor's phases and remedies on it.
#pragma once

#include <memory>
#include <mutex>

#include "control/front.h"
#include "upgrade/conductor.h"
#include "upgrade/inspector.h"
#include "upgrade/pair.h"
#include "upgrade/phases.h"

namespace hitless::upgrade {

class SwitchSite : public Site, public Inspector {
  public:
    // 'front' outlives this object.
    SwitchSite(Places places, control::Front& front) : places_(std::move(places)), front_(front) {}
    ~SwitchSite() override;

    // Takes away what a daemon that was killed left behind while A was the active instance. Error when B was: then nothing
    // is touched, for B has the packets.
    Status clean_leftovers();

    // Site.
    Result<uint64_t> begin(const Request& request) override;
    Status phase_begins(Phase phase) override;
    Status act(Phase phase, const Request& request, StopFlag& stop, const Update& update) override;
    void phase_ends(Phase phase, const Status& status, std::chrono::microseconds duration) override;
    Result<State> apply(Remedy remedy, const Update& update) override;
    void end(const Summary& summary) override;
    Status watch(State state) override;

    // Inspector.
    std::vector<InstanceStatus> instances() override;
    Result<datapath::Bond> bond() override;
    Result<CheckReport> check(const Request& request) override;
    Result<std::vector<Summary>> history(uint64_t count) override;

  private:
    // The journal, opened when it is first wanted and the switch's ovsdb-server runs.
    Result<journal::Journal*> journal();
    Result<journal::Journal*> open_journal(const instance::OperatorSwitch& a);
    Status preflight(const Update& update);
    void make_agents(const Update& update);
    Step step(const Request& request, StopFlag& stop, const Update& update);
    void forget_pair();

    Places places_;
    control::Front& front_;
    std::mutex mutex_;   // of what follows; the conductor's thread alone changes it
    std::unique_ptr<journal::Journal> journal_;
    std::shared_ptr<Pair> pair_;

    // Conductor's thread only.
    std::unique_ptr<Agent> operator_agent_, a_agent_, b_agent_;
    Request request_;
    Health health_;
    StopFlag no_stop_;
};

// The journal's record of a past operation, as a summary.
Summary to_summary(const journal::OperationRecord& record);

}  // namespace hitless::upgrade

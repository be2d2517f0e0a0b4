// The site of a real switch: owns the pair, and carries out the conductor's phases and remedies on it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "control/front.h"
#include "upgrade/conductor.h"
#include "upgrade/inspector.h"
#include "upgrade/pair.h"
#include "upgrade/phases.h"
#include "upgrade/resumption.h"

namespace hitless::upgrade {

class SwitchSite : public Site, public Inspector {
  public:
    // 'front' outlives this object.
    SwitchSite(Places places, control::Front& front) : places_(std::move(places)), front_(front) {}
    ~SwitchSite() override;

    // At the daemon's start: brings in order what an earlier one left that was killed, by the rules of docs/recovery.md. Where A
    // has the packets, takes away all there is of B. Where B has them, takes the pair over, and with it the operation that was under
    // way: take_interrupted(). Where B has them and that fails, watch() tries again. Returns where the switch rests.
    Result<State> recover();

    // At the daemon's end, with B active: everything stays as it is when this object ends.
    void leave();

    // Site.
    Result<uint64_t> begin(const Request& request) override;
    Status phase_begins(Phase phase) override;
    Status act(Phase phase, const Request& request, StopFlag& stop, const Update& update) override;
    void phase_ends(Phase phase, const Status& status, std::chrono::microseconds duration) override;
    Result<State> apply(Remedy remedy, const Update& update) override;
    void end(const Summary& summary) override;
    Status watch() override;
    std::optional<Resumed> take_interrupted() override;
    bool b_forwards() const override;
    Status can_operate() const override;
    bool can_roll_back() const override;

    // Inspector.
    std::vector<InstanceStatus> instances() override;
    std::string problem() override;
    Result<journal::SoakPolicy> soak_policy() override;
    Result<datapath::Bond> bond() override;
    Result<DiffReport> diff(const std::optional<std::string>& kind) override;
    Status resume(const std::string& bridge, const std::vector<uint8_t>& message) override;
    Result<CheckReport> check(const Request& request) override;
    Result<ReleaseReport> releases() override;
    Result<ReleaseReport> add_release(const Request& request) override;
    Result<ReleaseReport> remove_release(const std::string& name) override;
    Result<std::vector<Summary>> history(uint64_t count) override;
    void give_up() override { given_up_ = true; }

  private:
    // The operator's switch, for who does not conduct. An Error while it is being restarted.
    Result<instance::OperatorSwitch> find_a();
    bool is_active(const instance::OperatorSwitch& a);
    Result<software::Release> fetch_beside(const Request& request, const std::filesystem::path& directory);
    std::string running_sha256();
    std::set<std::string> releases_in_use();
    // The journal, opened when it is first wanted and the switch's ovsdb-server runs.
    Result<journal::Journal*> journal();
    Result<journal::Journal*> open_journal(const instance::OperatorSwitch& a);
    bool has_leftovers() const;   // of an earlier daemon; or what is planted in their place
    Status clean_leftovers();
    Status remove_b();
    Status end_unfinished_operation();
    void restore_host_changes(const journal::OperationRecord& operation);
    Status watch_orphan();
    void lead_tools_to(const std::string& active);
    Status restore();
    Result<bool> restore_soak_back();
    void resume_operation(const journal::OperationRecord& operation, Resumption rest);
    Status end_operation_without_traces();
    Status give_to_a();
    Status check_own(Side active) const;
    std::string version_of_process(const instance::OperatorSwitch& a);
    Status preflight(const Update& update);
    void make_agents(const Update& update);
    Step step(const Request& request, StopFlag& stop, const Update& update);
    void forget_pair();
    // The last of the pair: what A does not check for the sake of connections that came from B is watched from now on.
    void watch_unchecked();

    Places places_;
    control::Front& front_;
    std::mutex journal_mutex_;   // of the making of journal_: may be held for seconds
    std::unique_ptr<journal::Journal> journal_;
    mutable std::mutex mutex_;   // of what follows; the conductor's thread alone changes it
    std::shared_ptr<Pair> pair_;
    // B, where it forwards for an earlier daemon that was killed, and the pair could not be taken over yet.
    struct Orphan {
        std::shared_ptr<const Process> b;   // none: it is not known, or has ended
        std::string because;                // it could not be taken over
        bool refused = false;               // what tells of the pair cannot be believed: nothing is done with it, nor with A
        Status check() const;               // an Error where it is known not to run
    };
    std::optional<Orphan> orphan_;
    std::unique_ptr<UncheckedConnections> unchecked_;   // without a pair
    std::shared_ptr<control::Relay> let_in_;        // of a pair that is gone
    int kept_buffer_bytes_ = 0;   // of A's packet sockets before the pair that 'unchecked_' follows
    // hitless/diff asks the instances much: not while packets wait for them.
    std::atomic<bool> blackout_ = false;
    std::mutex diff_mutex_;
    std::mutex examination_mutex_;   // of A's receive buffers, from when they are looked at until they are as they are to be
    std::atomic<bool> given_up_ = false;
    std::mutex version_mutex_;
    std::pair<pid_t, std::string> known_version_;   // of the idle switch's process

    // Conductor's thread only.
    std::unique_ptr<Agent> operator_agent_, a_agent_, b_agent_;
    Request request_;
    Health health_;
    StopFlag no_stop_;
    std::chrono::steady_clock::time_point next_restoration_{};
    std::optional<journal::OperationRecord> unfinished_;   // that the journal was told to go on with
    std::optional<Resumed> interrupted_;
};

// The journal's record of a past operation, as a summary.
Summary to_summary(const journal::OperationRecord& record);
Interrupted to_interrupted(const journal::OperationRecord& operation, bool keep_standby);

}  // namespace hitless::upgrade

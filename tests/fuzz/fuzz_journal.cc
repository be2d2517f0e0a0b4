// Rows of the database hitless may have been written by anybody who may write to db.sock: whatever they hold can be read, shown, and
// decided upon.
#include <fuzzer/FuzzedDataProvider.h>

#include <deque>

#include "appctl/metrics.h"
#include "appctl/render.h"
#include "base/openvswitch.h"
#include "journal/rows.h"
#include "upgrade/switch_site.h"

#define class class_
#include "hitless-idl.h"
#undef class

namespace {

using namespace hitless;

// Makes rows whose columns come from 'data', and owns what these point to.
class Rows {
  public:
    Rows(const uint8_t* data, size_t size) : data_(data, size) {}
    ~Rows() {
        for (auto& phase : phases_) {
            smap_destroy(&phase.host_changes);
        }
    }

    hitlessrec_upgrade* upgrade() {
        upgrade_.number = integer();
        upgrade_.command = word({"upgrade", "failover", "return", "rollback", "standby", "retire"});
        upgrade_.state = word({"running", "done", "failed", "rolled-back", "aborted"});
        upgrade_.from_version = text();
        upgrade_.to_version = text();
        upgrade_.source = text();
        upgrade_.sha256 = text();
        upgrade_.error = text();
        upgrade_.began_ms = integer();
        ended_ = integer();
        upgrade_.ended_ms = &ended_;
        upgrade_.n_ended_ms = data_.ConsumeBool();
        upgrade_.held = integer();
        upgrade_.dropped = integer();
        upgrade_.blackout_us = integer();
        for (int i = data_.ConsumeIntegralInRange(0, 3); i > 0; i--) {
            add_phase();
            add_transfer();
            add_message();
        }
        upgrade_.phases = phase_rows_.data();
        upgrade_.n_phases = phase_rows_.size();
        upgrade_.transfers = transfer_rows_.data();
        upgrade_.n_transfers = transfer_rows_.size();
        upgrade_.messages = message_rows_.data();
        upgrade_.n_messages = message_rows_.size();
        return &upgrade_;
    }

  private:
    char* text() { return texts_.emplace_back(data_.ConsumeRandomLengthString(64)).data(); }
    // One that means something, or any.
    char* word(std::initializer_list<const char*> known) {
        auto choice = data_.ConsumeIntegralInRange<size_t>(0, known.size());
        return choice < known.size() ? texts_.emplace_back(known.begin()[choice]).data() : text();
    }
    int64_t integer() { return data_.ConsumeIntegral<int64_t>(); }

    void add_phase() {
        auto& phase = phases_.emplace_back();
        smap_init(&phase.host_changes);
        phase.position = integer();
        phase.name = word({"preflight", "standby", "copy", "hold", "commit", "soak", "reprogram", "hold-back", "commit-back", "retire"});
        phase.state = word({"running", "done", "failed"});
        phase.began_ms = integer();
        durations_.push_back(integer());
        phase.duration_us = &durations_.back();
        phase.n_duration_us = data_.ConsumeBool();
        phase.error = text();
        smap_replace(&phase.host_changes, text(), text());
        phase_rows_.push_back(&phase);
    }

    void add_transfer() {
        auto& transfer = transfers_.emplace_back();
        transfer.position = integer();
        transfer.kind = text();
        transfer.sender = word({"A", "B"});
        transfer.copied = integer();
        transfer.identical = integer();
        transfer.differing = integer();
        transfer.delta = integer();
        transfer.duration_us = integer();
        transfer.longest_request_us = integer();
        transfer_rows_.push_back(&transfer);
    }

    void add_message() {
        auto& message = messages_.emplace_back();
        message.position = integer();
        message.sender = text();
        message.receiver = text();
        message.verb = text();
        message.detail = text();
        message.time_us = integer();
        message_rows_.push_back(&message);
    }

    FuzzedDataProvider data_;
    std::deque<std::string> texts_;
    std::deque<int64_t> durations_;
    std::deque<hitlessrec_phase> phases_;
    std::deque<hitlessrec_transfer> transfers_;
    std::deque<hitlessrec_message> messages_;
    std::vector<hitlessrec_phase*> phase_rows_;
    std::vector<hitlessrec_transfer*> transfer_rows_;
    std::vector<hitlessrec_message*> message_rows_;
    int64_t ended_ = 0;
    hitlessrec_upgrade upgrade_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Rows rows(data, size);
    auto operation = journal::read_operation(*rows.upgrade());
    auto summary = upgrade::to_summary(operation);
    for (bool flag : {false, true}) {
        auto interrupted = upgrade::to_interrupted(operation, flag);
        (void) upgrade::end_with_a(interrupted);
        (void) upgrade::resume_with_b(interrupted, flag);
    }
    (void) appctl::history_table({summary});
    (void) appctl::history_json({summary});
    (void) appctl::metrics_text({{"1", "idle", {}, "", journal::SoakPolicy(), summary}, {summary}, {}});
    return 0;
}

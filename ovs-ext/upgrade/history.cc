// Past operations, from the journal's records.
#include "upgrade/switch_site.h"

namespace hitless::upgrade {
namespace {

// The value of an enum whose word is 'text', from all values up to 'last'.
template <typename Enum>
Enum value_of(const std::string& text, Enum last) {
    for (int i = 0; i <= static_cast<int>(last); i++) {
        if (to_string(static_cast<Enum>(i)) == text) {
            return static_cast<Enum>(i);
        }
    }
    return Enum{};
}

}  // namespace

Summary to_summary(const journal::OperationRecord& record) {
    Summary summary;
    summary.number = static_cast<uint64_t>(record.number);
    summary.command = value_of(record.command, Command::retire);
    summary.outcome = value_of(record.state, Outcome::aborted);
    summary.from_version = record.from_version;
    summary.to_version = record.to_version;
    summary.source = record.source;
    summary.sha256 = record.sha256;
    summary.error = record.error;
    summary.warnings = record.warnings;
    summary.held = record.packets.held;
    summary.dropped = record.packets.dropped;
    summary.blackout = record.packets.blackout;
    if (record.ended) {
        summary.duration = *record.ended - record.began;
    }
    for (const auto& phase : record.phases) {
        Phase name = value_of(phase.name, Phase::retire);
        summary.plan.push_back(name);
        summary.phases.push_back({name, phase.duration.value_or(std::chrono::microseconds{}),
                                  phase.state == "running", phase.error, phase.began});
    }
    for (const auto& transfer : record.transfers) {
        summary.transfers.push_back({transfer.kind, transfer.sender, transfer.copied, transfer.identical,
                                     transfer.differing, transfer.delta, transfer.duration, transfer.longest_request});
    }
    for (const auto& counters : record.counters) {
        summary.counters.push_back({counters.instance, counters.bridge, counters.flows, counters.packets, counters.bytes, counters.file});
    }
    for (const auto& message : record.messages) {
        summary.messages.push_back({message.sender, message.receiver, message.verb, message.detail, message.time});
    }
    return summary;
}

Interrupted to_interrupted(const journal::OperationRecord& operation, bool keep_standby) {
    auto summary = to_summary(operation);
    Interrupted interrupted{summary.command, keep_standby, {}};
    for (size_t i = 0; i < summary.phases.size(); i++) {
        using enum Interrupted::Begun::State;
        const auto& state = operation.phases[i].state;
        interrupted.phases.push_back({summary.phases[i].phase, state == "done" ? done : state == "failed" ? failed : running,
                                      summary.phases[i].error});
    }
    return interrupted;
}

}  // namespace hitless::upgrade

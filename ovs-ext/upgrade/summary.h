// What an operation did, as told to people and programs: while it runs (progress) and when it has ended (summary).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/side.h"
#include "software/release.h"
#include "upgrade/plan.h"

namespace hitless::upgrade {

// What the operator asked for.
struct Request {
    Command command = Command::upgrade;
    std::optional<std::string> from;              // as software::Request; none: what B runs, where there is one, else what is installed
    std::optional<std::string> sha256;
    std::optional<std::string> signature;
    std::optional<std::chrono::seconds> soak;     // instead of the configured length
    bool keep_standby = false;

    // Where there is no B.
    software::Request wanted_software() const { return {from.value_or("installed"), sha256, signature}; }
};

enum class Outcome { running, done, failed, rolled_back, aborted };

struct PhaseRecord {
    Phase phase{};
    std::chrono::microseconds duration{};   // so far, while it runs
    bool running = false;
    std::string error;
    std::chrono::microseconds began{};      // since 1970
};

// One state kind copied once.
struct TransferRecord {
    std::string kind;
    Side sender = Side::A;
    uint64_t copied = 0;      // entries written before the hold
    uint64_t identical = 0;   // entries that the verification found equal
    uint64_t differing = 0;   // entries that it found different, as declared
    uint64_t delta = 0;       // entries changed in the hold
    std::chrono::microseconds duration{};
    std::chrono::microseconds longest_request{};   // of those to the sender: it forwarded nothing for at most so long in one go
};

// What an instance had counted when its packets went to the other one.
struct CountersRecord {
    Side instance = Side::A;
    std::string bridge;
    uint64_t flows = 0, packets = 0, bytes = 0;    // of all of its flows together
    std::string file;                              // with all counters of the instance; empty: not kept
};

// One message of the conversation of the two agents.
struct MessageRecord {
    std::string sender, receiver, verb, detail;
    std::chrono::microseconds time{};   // since 1970
};

// The time in which packets were held in one hand-over. Not in the journal: the messages' times bound it there.
struct HoldRecord {
    Side sender = Side::A;
    std::chrono::microseconds began{};      // since 1970
    std::chrono::microseconds duration{};   // to the end of the release
    uint64_t held = 0;                      // packets
};

// How far the phase under way is with something that takes long.
struct Progress {
    std::string what, unit;          // "flows", "entries"
    uint64_t done = 0, total = 0;    // in units; a total of 0 is unknown
};

// What no operation carries over, whatever the switch: a stock one lets nobody load it. In an operator's words.
inline const std::vector<std::string>& not_carried() {
    static const std::vector<std::string> texts = {
        "counters of flows, groups, meters and ports, and the ages of entries: they start anew",
        "what is left of the timeouts of idle connections: each begins its whole timeout once more, and none ends early",
    };
    return texts;
}

struct Summary {
    uint64_t number = 0;
    Command command{};
    Outcome outcome = Outcome::running;
    State state = State::idle;          // where the switch rests afterwards
    std::string from_version, to_version, source, sha256;
    std::vector<Phase> plan;
    std::vector<PhaseRecord> phases;
    std::vector<TransferRecord> transfers;
    std::vector<CountersRecord> counters;
    std::vector<MessageRecord> messages;
    std::vector<HoldRecord> holds;
    uint64_t held = 0, dropped = 0;
    std::chrono::microseconds blackout{};   // the longest that a packet waited because of a hand-over
    std::chrono::microseconds duration{};   // of the whole operation
    std::chrono::microseconds soaked{};     // of this: only watching
    std::optional<Progress> progress;       // while something is under way
    std::vector<std::string> warnings;
    std::string error;
};

std::string_view to_string(Outcome outcome);

}  // namespace hitless::upgrade

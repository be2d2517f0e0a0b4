// The rows of the database hitless as plain data. Words (states, commands, roles) are those of its schema: ovs-hitless.db(5).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/side.h"

namespace hitless::journal {

using std::chrono::microseconds;

struct PhaseRecord {
    std::string name;
    std::string state;                                  // "running", "done", "failed"
    microseconds began{};                               // since 1970; kept in milliseconds
    std::optional<microseconds> duration;               // once it has ended
    std::map<std::string, std::string> host_changes;    // what -> the value before
    std::string error;
};

struct TransferRecord {
    std::string kind;
    Side sender = Side::A;
    uint64_t copied = 0, identical = 0, differing = 0, delta = 0;
    microseconds duration{};
    microseconds longest_request{};                     // of those to the sender
};

// What an instance had counted when its packets went to the other one.
struct CountersRecord {
    Side instance = Side::A;
    std::string bridge;
    uint64_t flows = 0, packets = 0, bytes = 0;
    std::string file;
};

struct MessageRecord {
    std::string sender, receiver, verb, detail;
    microseconds time{};                                // since 1970
};

// What the hand-overs of an operation meant for packets.
struct PacketRecord {
    uint64_t held = 0, dropped = 0;
    microseconds blackout{};
};

struct OperationRecord {
    int64_t number = 0;
    std::string command;                                // "upgrade", "failover", ...
    std::string state;                                  // "running", "done", "failed", "rolled-back", "aborted"
    std::string from_version, to_version, source, sha256, error;
    microseconds began{};                               // since 1970; kept in milliseconds
    std::optional<microseconds> ended;
    PacketRecord packets;
    std::vector<std::string> warnings;                  // sorted when read
    std::vector<PhaseRecord> phases;                    // in order, as the next two
    std::vector<TransferRecord> transfers;
    std::vector<CountersRecord> counters;               // one of each instance and bridge
    std::vector<MessageRecord> messages;
};

struct InstanceRecord {
    std::string role = "offline";                       // "active", "standby", "frozen", "offline"
    std::optional<int64_t> pid;
    std::string version, executable, rundir, network_namespace;
};

struct ReleaseRecord {
    std::string version, package_version, source, sha256, path;
    microseconds kept_since{};                          // since 1970; kept in milliseconds
};

struct Overview {
    std::string state;                                  // "idle", "standby", "upgrading", "failed-over"
    std::map<Side, InstanceRecord> instances;
    std::vector<ReleaseRecord> releases;                // oldest first
};

}  // namespace hitless::journal

// What a daemon must know of a pair that an earlier one has made, and that neither the kernel, nor the processes, nor the databases
// say: the file PAIR in the pair's own directory. It is written, whole, before what it tells of is done, and goes with the pair.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "control/controllers_plan.h"
#include "instance/operator_switch.h"
#include "software/release.h"
#include "state/kind.h"
#include "upgrade/summary.h"

namespace hitless::upgrade {

struct PairRecord {
    instance::StartedAs a;                                                // how A is started
    software::Release release;                                            // B's software
    std::vector<control::BridgeConfig> controllers;                       // as when B was made
    std::vector<std::pair<std::string, std::string>> settings;            // of the host: path and old value
    int receive_buffer_bytes = 0;                                         // of A, before; 0: unknown
    std::filesystem::path old_binary;                                     // kept copy of A's; empty: nothing was replaced
    std::vector<std::string> own_taps;                                    // of ports that A has not seen yet
    bool checks_sequences = false;                                        // the operator wants TCP sequence numbers checked
    pid_t daemon = 0;                                                     // the writer
    Request request;                                                      // the last operation

    // Readable for the owner alone: A's environment is in it.
    Status save(const std::filesystem::path& file) const;
    // Error when there is none, or it is of another version.
    static Result<PairRecord> load(const std::filesystem::path& file);
};

// A's flows whose timeouts were taken away, in a file of their own. None: no file.
Status save_flows(const std::filesystem::path& file, const state::Snapshot& flows);
Result<state::Snapshot> load_flows(const std::filesystem::path& file);

}  // namespace hitless::upgrade

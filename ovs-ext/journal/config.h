// The daemon's configuration: column other_config of table Hitless, documented in ovs-hitless.db(5).
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>

#include "base/result.h"

namespace hitless::journal {

struct Config {
    std::chrono::seconds soak{5};
    size_t hold_packets = 262'144;                   // each port, of up to 32
    size_t hold_megabytes = 1024;                    // all ports together
    bool commit_when_full = false;                   // a hold that is nearly full: commit at once; else A gets its packets back
    std::chrono::milliseconds hold_deadline{3000};
    size_t receive_buffer_bytes = 33554432;
    size_t history_max = 100;                        // operations
    size_t releases_max = 5;
    bool probe_idle_tcp = false;
    size_t download_megabytes = 256;
    std::chrono::seconds download_time{600};
};

// Keys that are absent have their default, keys that are not known are left alone, as everywhere in OVS. A value that is no
// decimal number within the allowed range, or none of the allowed words, is an Error that names key, value and range.
Result<Config> parse_config(const std::map<std::string, std::string>& other_config);

}  // namespace hitless::journal

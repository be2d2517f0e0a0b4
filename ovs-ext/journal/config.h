// The daemon's configuration: column other_config of table Hitless, documented in ovs-hitless.db(5).
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>

#include "base/result.h"

namespace hitless::journal {

// How B is watched while it is active, and what fails it; A then has the packets back, at once. That it ends or is stopped
// always fails it.
struct SoakPolicy {
    std::chrono::seconds length{5};           // of the soak of an upgrade; after a failover it is watched until the return
    std::chrono::milliseconds silence{300};   // for so long it forwards too little; 0: not watched
    unsigned forwards_percent = 10;           // too little is less than that much of what A sent for each packet it received
    size_t memory_megabytes = 1024;           // its resident memory has grown by more, active or at rest; 0: not watched
};

struct Config {
    SoakPolicy soak;
    size_t hold_packets = 262'144;                   // each port, of up to 32
    size_t hold_megabytes = 1024;                    // all ports together
    bool commit_when_full = false;                   // a hold that is nearly full: commit at once; else A gets its packets back
    std::chrono::milliseconds hold_deadline{3000};
    std::chrono::seconds start_limit{60};            // for a switch to say that it is up
    std::chrono::milliseconds probation{2500};       // a restarted A must live that long before it gets anything
    size_t receive_buffer_bytes = 33554432;
    size_t history_max = 100;                        // operations
    size_t releases_max = 5;
    size_t counters_megabytes = 100;                 // files with counters, all together; 0: none
    bool probe_idle_tcp = false;
    size_t download_megabytes = 256;
    std::chrono::seconds download_time{600};
};

// Keys that are absent have their default, keys that are not known are left alone, as everywhere in OVS. A value that is no
// decimal number within the allowed range, or none of the allowed words, is an Error that names key, value and range.
Result<Config> parse_config(const std::map<std::string, std::string>& other_config);

}  // namespace hitless::journal

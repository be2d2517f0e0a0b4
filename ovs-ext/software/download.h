// Files by https and http, with libcurl. The calls block; no other thread is needed.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hitless::software {

struct DownloadLimits {
    uint64_t bytes = uint64_t{256} << 20;   // a larger file is an Error as soon as that is known
    std::chrono::seconds time{600};         // of all attempts together
    std::chrono::seconds stall{20};         // with fewer than 100 bytes a second for so long, a connection counts as cut
    std::chrono::milliseconds pause{1000};  // before another attempt
    int attempts = 5;                       // in a row that brought next to nothing
    int redirects = 5;
    std::filesystem::path authorities;      // certificates (PEM) to trust in place of the system's; empty: the system's
};

// How far something is, and whether it should go on. Both may be empty.
struct Observer {
    std::function<void(uint64_t done_bytes, uint64_t total_bytes)> progress;   // a total of 0 is unknown
    std::function<Status()> stop;           // asked about every second: an Error ends it with that Error

    Status ask() const { return stop ? stop() : Status(); }
};

bool is_url(std::string_view text);   // of https or http

// What comes to 'file', which must not exist. Where a connection is cut, or the server fails for the time being, it is tried again, and goes on
// where it was if the server can do so, and still has the same file. A redirect never leads from https to http. Errors name the URL.
Status download(const std::string& url, const std::filesystem::path& file, const DownloadLimits& limits, const Observer& observer);

}  // namespace hitless::software

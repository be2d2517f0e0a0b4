// What an instance has counted, kept when its packets go to the other one: no command loads counters, so they would be lost with it.
//
// The totals of its bridges are in the operation's record. All of its counters are in a file of their own, compressed text
// (zless reads it), below the directory of Places::counters().
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/side.h"
#include "upgrade/phases.h"

namespace hitless::upgrade {

// 'side' has just given its packets away, and runs: its counters are those of all packets that it has had. Takes a second for
// each 50,000 flows. What cannot be kept is a warning.
void keep_counters(Step& step, Side side);

// The file of one operation's counters of 'side'.
std::string counters_file(uint64_t operation, Side side);

// Removes the files in 'directory' of operations before the number 'oldest', and then the oldest until all together have at most
// 'most_bytes'. Files of other names are nobody's business.
void prune_counters(const std::filesystem::path& directory, uint64_t oldest, uintmax_t most_bytes);

}  // namespace hitless::upgrade

// Copies of software on disk, and replacing a binary in place.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/result.h"

namespace hitless::software {

// A copy of 'from' at 'to', which must not exist, ours and on disk when this returns.
Status copy(const std::filesystem::path& from, const std::filesystem::path& to, mode_t mode);

// Puts a copy of 'file' in the place of 'target' by rename(2), with the target's owner and mode: whoever opens 'target' gets the
// old or the new file, whole; a process that runs the old one goes on.
Status install(const std::filesystem::path& file, const std::filesystem::path& target);

}  // namespace hitless::software

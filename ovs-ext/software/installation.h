// Replacing a binary in place, and keeping what was there.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace hitless::software {

// Copies 'image' (may be /proc/PID/exe of a running process) to DIRECTORY/SHA256/NAME, where NAME is that of 'name'. Returns the
// path of the copy. Copying what is kept already costs nothing.
Result<std::filesystem::path> keep(const std::filesystem::path& image, const std::filesystem::path& name,
                                   const std::filesystem::path& directory);

// Puts a copy of 'file' in the place of 'target' by rename(2), with the target's owner and mode: whoever opens 'target' gets the
// old or the new file, whole; a process that runs the old one goes on.
Status install(const std::filesystem::path& file, const std::filesystem::path& target);

// Removes the oldest of what keep() has put into 'directory', but for 'most' and for 'except'.
Status prune(const std::filesystem::path& directory, size_t most, const std::filesystem::path& except);

}  // namespace hitless::software

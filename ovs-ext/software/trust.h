// Whether a file may be run, or unpacked and run, with our rights: only if nobody with fewer rights could have written it.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace hitless::software {

// Who may use the switch's control socket may name any software, and need not be root where the switch runs as another user. So an
// Error unless 'path' (its links followed) and each directory above it belong to root or to us and can be written by nobody else;
// a directory may be writable where it has the sticky bit, as /tmp. Names the file or directory and the remedy.
Status check_trusted(const std::filesystem::path& path);
// The same of 'path' itself (a link is followed), whatever is above it.
Status check_trusted_itself(const std::filesystem::path& path);

}  // namespace hitless::software

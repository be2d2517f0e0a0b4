// Directories that are ours alone, in places that others may be able to write to.
#pragma once

#include <filesystem>

#include "base/fd.h"
#include "base/result.h"

namespace hitless {

// Makes the directory 'path' (its parent exists) with mode 0700. One that is there is taken, and given that mode, if it belongs to us;
// a link, or what belongs to somebody else, is an Error.
Status make_private_directory(const std::filesystem::path& path);
// An Error unless 'path' is a directory of ours: it is a link, belongs to somebody else, or is not there. Files that are opened, renamed
// and removed relative to it (openat(2)...) are its own, whatever is put in its place meanwhile.
Result<Fd> open_own_directory(const std::filesystem::path& path);
Status check_own_directory(const std::filesystem::path& path);
// As make_private_directory(), and what is in it is removed; an Error where that cannot be.
Status make_empty_private_directory(const std::filesystem::path& path);

// With all that is in it. None there is no Error.
Status remove_directory(const std::filesystem::path& path);

}  // namespace hitless

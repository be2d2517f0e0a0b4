// Writing a file whole.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace hitless {

// Makes 'file', or replaces the one (or the link) that is there, with 'text', of mode 0600. By rename(2): a reader finds the old file or
// the new one, whole; on an Error the old one. What is planted at the name that it has meanwhile, 'file' with ".new", is removed. Its
// directory must be ours (private_directory.h).
Status write_file(const std::filesystem::path& file, const std::string& text);

}  // namespace hitless

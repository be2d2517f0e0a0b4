// Software from the archives that apt(8) knows, with apt's own verification: what it gives is signed by a key that root trusts.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace hitless::software {

// The package that 'binary' is of, on this host; "openvswitch-switch" where it is of none.
std::string package_of(const std::filesystem::path& binary);

// Has apt download 'package', in 'version' where that is not empty, to 'directory', which is empty. Returns the file. Neither installs
// anything nor updates the lists of packages.
Result<std::filesystem::path> download_from_archive(const std::string& package, const std::string& version,
                                                    const std::filesystem::path& directory, std::chrono::seconds limit);

}  // namespace hitless::software

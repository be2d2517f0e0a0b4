// Debian packages as a source of software: what is checked before and after one is unpacked. Used by release.cc alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hitless::software {

struct Package {
    std::string name, version;   // of its control file
};

// Checks that 'deb' is whole, of this host's architecture, and safe to unpack, and unpacks its files (never its maintainer
// scripts) into the existing directory 'tree'. Errors do not name the file. 'deb' must not change meanwhile: give a copy
// that nobody else can write.
Result<Package> unpack_package(const std::filesystem::path& deb, const std::filesystem::path& tree);

// The parts of it that need no dpkg-deb.

// The frame of the archive (deb(5)): the members that a package has, each with as many bytes as it says. A file cut off
// anywhere fails here, and only here for certain: 'dpkg-deb --field' answers as long as the control member is there.
Status check_archive(const std::filesystem::path& deb);

// 'listing' is what 'dpkg-deb --contents' prints. No member may be absolute, leave the tree by "..", lie behind a symbolic link
// of the same archive, or be a device; all together may not unpack to more than 'limit_bytes'.
Status check_contents(std::string_view listing, uint64_t limit_bytes);

}  // namespace hitless::software

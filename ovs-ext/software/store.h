// Releases that are kept on this host, so that an upgrade can go, or go back, to them at any time.
//
//   DIRECTORY/SHA256/ovs-vswitchd (or ovs-vswitchd-dpdk)   of that digest
//   DIRECTORY/SHA256/ovsdb-server, vswitch.ovsschema       where the release had them
//   DIRECTORY/SHA256/about.json                            version, package, source, and when it was kept
//
// A release is there whole or not at all, also after a crash. Threads and processes exclude each other by a lock in DIRECTORY.
#pragma once

#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "software/release.h"

namespace hitless::software {

struct KeptRelease {
    Release release;                          // its files are the copies
    std::chrono::milliseconds kept_since{};   // since 1970; of the last keep()
};

class Store {
  public:
    // 'directory' is made when it is first needed.
    explicit Store(std::filesystem::path directory) : directory_(std::move(directory)) {}

    Result<std::vector<KeptRelease>> list() const;   // oldest first

    // The release that 'name' names: its version, its package's version, or at least the first eight digits of its SHA-256. An Error
    // when there is none, or more than one; it lists those that there are.
    Result<KeptRelease> find(const std::string& name) const;

    // Copies 'release', whose vswitchd may be /proc/PID/exe of a running process. 'name' is what the binary was called. One that is
    // kept already only becomes the newest.
    Result<KeptRelease> keep(const Release& release, const std::filesystem::path& name);

    Status remove(const std::string& sha256);

    // Removes the oldest beyond 'most', but none of 'except' (SHA-256 digests). Returns what it has removed.
    Result<std::vector<KeptRelease>> prune(size_t most, const std::set<std::string>& except);

  private:
    std::filesystem::path directory_;
};

}  // namespace hitless::software

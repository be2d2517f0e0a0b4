// Settings of the host that an upgrade changes for its time: files of /proc/sys and /sys.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hitless::datapath {

// Whether 'path' is one of the settings below. What the journal names is put back after a crash, and others than root may be able
// to write that database: no other file may be touched for its sake.
bool is_host_setting(std::string_view path);

Result<std::string> read_setting(const std::string& path);   // without the newline

// Writes 'value' into the file at 'path', and returns what was in it before (without the newline). The file is not written
// when it holds the value already. For the journal: what is to be put back is the value returned.
Result<std::string> exchange_setting(const std::string& path, const std::string& value);

// Makes membarrier(MEMBARRIER_CMD_GLOBAL), on which Steering::halt() waits, take 0.03 ms instead of some 10 ms. Value "1".
inline constexpr const char* rcu_expedited = "/sys/kernel/rcu_expedited";

// The settings that keep the neighbours of tap 'device' when its carrier drops, which it does between the end of one vswitchd
// and the start of the next: the kernel would flush them, and TCP retransmit. Value "0". Those that the kernel lacks are left
// out (arp_evict_nocarrier came in Linux 5.16).
std::vector<std::string> neighbour_settings(const std::string& device);

// Settings that are put back, in reverse order, when the object ends.
class HostSettings {
  public:
    HostSettings() = default;
    // Those that an earlier process has set.
    explicit HostSettings(std::vector<std::pair<std::string, std::string>> old) : old_(std::move(old)) {}
    HostSettings(HostSettings&& other) noexcept : old_(std::exchange(other.old_, {})) {}
    HostSettings& operator=(HostSettings&& other) noexcept {
        std::swap(old_, other.old_);
        return *this;
    }
    ~HostSettings();

    Status set(const std::string& path, const std::string& value);

    // Path and old value of each, in the order they were set.
    const std::vector<std::pair<std::string, std::string>>& old_values() const { return old_; }

  private:
    std::vector<std::pair<std::string, std::string>> old_;
};

}  // namespace hitless::datapath

#include "datapath/host_settings.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"

namespace hitless::datapath {

namespace {

constexpr std::string_view arp_directory = "/proc/sys/net/ipv4/conf/", ndisc_directory = "/proc/sys/net/ipv6/conf/";
constexpr std::string_view arp_setting = "/arp_evict_nocarrier", ndisc_setting = "/ndisc_evict_nocarrier";

// DIRECTORY DEVICE SETTING
bool of_a_device(std::string_view path, std::string_view directory, std::string_view setting) {
    if (!path.starts_with(directory) || !path.ends_with(setting) || path.size() <= directory.size() + setting.size()) {
        return false;
    }
    path.remove_prefix(directory.size());
    path.remove_suffix(setting.size());
    return path.find('/') == path.npos && path != "." && path != "..";
}

}  // namespace

bool is_host_setting(std::string_view path) {
    return path == rcu_expedited || of_a_device(path, arp_directory, arp_setting) ||
           of_a_device(path, ndisc_directory, ndisc_setting);
}

Result<std::string> read_setting(const std::string& path) {
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
        return make_errno_error(errno, "setting {}", path);
    }
    char buffer[4096];
    ssize_t n = ::read(file.get(), buffer, sizeof buffer);
    if (n < 0) {
        return make_errno_error(errno, "setting {}: cannot be read", path);
    }
    std::string old(buffer, static_cast<size_t>(n));
    while (!old.empty() && old.back() == '\n') {
        old.pop_back();
    }
    return old;
}

Result<std::string> exchange_setting(const std::string& path, const std::string& value) {
    std::string old = TRY(read_setting(path));
    if (old == value) {
        return old;
    }
    Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file || ::write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
        return make_errno_error(errno, "setting {}: cannot be set to {}", path, value);
    }
    return old;
}

std::vector<std::string> neighbour_settings(const std::string& device) {
    std::vector<std::string> settings;
    for (const auto& path : {std::string(arp_directory) + device + std::string(arp_setting),
                             std::string(ndisc_directory) + device + std::string(ndisc_setting)}) {
        if (::access(path.c_str(), W_OK) == 0) {
            settings.push_back(path);
        }
    }
    return settings;
}

HostSettings::~HostSettings() {
    for (auto it = old_.rbegin(); it != old_.rend(); ++it) {
        // A setting of a device that is gone meanwhile has nothing to be put back.
        static_cast<void>(exchange_setting(it->first, it->second).ok());
    }
}

Status HostSettings::set(const std::string& path, const std::string& value) {
    std::string old = TRY(exchange_setting(path, value));
    if (old != value) {
        old_.emplace_back(path, std::move(old));
    }
    return {};
}

}  // namespace hitless::datapath

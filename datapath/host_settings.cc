#include "datapath/host_settings.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"

namespace hitless::datapath {

Result<std::string> exchange_setting(const std::string& path, const std::string& value) {
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
    if (old == value) {
        return old;
    }
    file.reset(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file || ::write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
        return make_errno_error(errno, "setting {}: cannot be set to {}", path, value);
    }
    return old;
}

std::vector<std::string> neighbour_settings(const std::string& device) {
    std::vector<std::string> settings;
    for (const auto& path : {"/proc/sys/net/ipv4/conf/" + device + "/arp_evict_nocarrier",
                             "/proc/sys/net/ipv6/conf/" + device + "/ndisc_evict_nocarrier"}) {
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

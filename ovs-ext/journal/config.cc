#include "journal/config.h"

#include <charconv>
#include <cstdint>

namespace hitless::journal {
namespace {

using Settings = std::map<std::string, std::string>;

Result<int64_t> number(const Settings& settings, const char* key, int64_t minimum, int64_t maximum, int64_t absent) {
    auto setting = settings.find(key);
    if (setting == settings.end()) {
        return absent;
    }
    const std::string& text = setting->second;
    int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < minimum || value > maximum) {
        return make_error("database hitless, table Hitless, other_config:{}: \"{}\" is not a number from {} to {}", key,
                          text, minimum, maximum);
    }
    return value;
}

Result<size_t> count(const Settings& settings, const char* key, int64_t minimum, int64_t maximum, size_t absent) {
    return static_cast<size_t>(TRY(number(settings, key, minimum, maximum, static_cast<int64_t>(absent))));
}

Result<bool> truth(const Settings& settings, const char* key, bool absent) {
    auto setting = settings.find(key);
    if (setting == settings.end()) {
        return absent;
    }
    if (setting->second != "true" && setting->second != "false") {
        return make_error("database hitless, table Hitless, other_config:{}: \"{}\" is neither true nor false", key, setting->second);
    }
    return setting->second == "true";
}

}  // namespace

Result<Config> parse_config(const Settings& settings) {
    Config config;
    SoakPolicy& soak = config.soak;
    soak.length = std::chrono::seconds(TRY(number(settings, "soak-s", 0, 86'400, soak.length.count())));
    soak.silence = std::chrono::milliseconds(TRY(number(settings, "soak-silence-ms", 0, 60'000, soak.silence.count())));
    soak.forwards_percent = static_cast<unsigned>(TRY(number(settings, "soak-forwards-percent", 1, 100, soak.forwards_percent)));
    soak.memory_megabytes = TRY(count(settings, "soak-memory-megabytes", 0, 1 << 20, soak.memory_megabytes));
    config.hold_packets = TRY(count(settings, "hold-packets", 8, 1'000'000, config.hold_packets));
    config.hold_megabytes = TRY(count(settings, "hold-megabytes", 1, 65'536, config.hold_megabytes));
    if (auto setting = settings.find("hold-full"); setting != settings.end()) {
        if (setting->second != "return" && setting->second != "commit") {
            return make_error("database hitless, table Hitless, other_config:hold-full: \"{}\" is neither return nor commit",
                              setting->second);
        }
        config.commit_when_full = setting->second == "commit";
    }
    config.hold_deadline = std::chrono::milliseconds(
        TRY(number(settings, "hold-deadline-ms", 100, 60'000, config.hold_deadline.count())));
    config.start_limit = std::chrono::seconds(TRY(number(settings, "start-s", 1, 3600, config.start_limit.count())));
    config.probation = std::chrono::milliseconds(TRY(number(settings, "probation-ms", 0, 60'000, config.probation.count())));
    config.receive_buffer_bytes =
        TRY(count(settings, "receive-buffer-bytes", 212'992, 1 << 30, config.receive_buffer_bytes));
    config.history_max = TRY(count(settings, "history-max", 1, 10'000, config.history_max));
    config.releases_max = TRY(count(settings, "releases-max", 1, 100, config.releases_max));
    config.counters_megabytes = TRY(count(settings, "counters-megabytes", 0, 1 << 20, config.counters_megabytes));
    config.probe_idle_tcp = TRY(truth(settings, "probe-idle-tcp", config.probe_idle_tcp));
    config.download_megabytes = TRY(count(settings, "download-megabytes", 1, 65'536, config.download_megabytes));
    config.download_time = std::chrono::seconds(TRY(number(settings, "download-s", 1, 86'400, config.download_time.count())));
    return config;
}

}  // namespace hitless::journal

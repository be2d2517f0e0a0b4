// Whoever may write to the database may set anything: refused, or within the limits of ovs-hitless.db(5).
#include <cstdlib>
#include <string_view>

#include "journal/config.h"

namespace {

// Lines KEY=VALUE.
std::map<std::string, std::string> settings_of(std::string_view text) {
    std::map<std::string, std::string> settings;
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        auto equals = std::min(line.find('='), line.size());
        settings.emplace(line.substr(0, equals), line.substr(std::min(line.size(), equals + 1)));
    }
    return settings;
}

template <typename Value>
void expect_within(Value value, Value low, Value high) {
    if (value < low || value > high) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace std::chrono_literals;
    auto config = hitless::journal::parse_config(settings_of({reinterpret_cast<const char*>(data), size}));
    if (!config) {
        return 0;
    }
    expect_within<std::chrono::seconds>(config->soak.length, 0s, 24h);
    expect_within<std::chrono::milliseconds>(config->soak.silence, 0ms, 1min);
    expect_within(config->soak.forwards_percent, 1u, 100u);
    expect_within<size_t>(config->soak.memory_megabytes, 0, 1 << 20);
    expect_within<size_t>(config->hold_packets, 8, 1'000'000);
    expect_within<size_t>(config->hold_megabytes, 1, 65'536);
    expect_within<std::chrono::milliseconds>(config->hold_deadline, 100ms, 1min);
    expect_within<size_t>(config->receive_buffer_bytes, 212'992, 1 << 30);
    expect_within<size_t>(config->history_max, 1, 10'000);
    expect_within<size_t>(config->releases_max, 1, 100);
    expect_within<size_t>(config->counters_megabytes, 0, 1 << 20);
    expect_within<size_t>(config->download_megabytes, 1, 65'536);
    expect_within<std::chrono::seconds>(config->download_time, 1s, 24h);
    return 0;
}

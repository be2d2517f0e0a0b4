#include "state/conntrack_settings_parser.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace hitless::state {

namespace {

constexpr std::string_view spaces = " \t\r\n";
constexpr uint32_t no_limit = 4294967295, default_sweep_interval_ms = 20'000;

std::string_view trim(std::string_view text) {
    size_t begin = text.find_first_not_of(spaces);
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(spaces) + 1 - begin);
}

// The next line, cut off the front of 'text', without the spaces around it.
std::string_view next_line(std::string_view& text) {
    size_t end = text.find('\n');
    std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

template <typename Number>
std::optional<Number> number_in(std::string_view text) {
    Number number{};
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

// The value of 'key' in a list "key=value,key=value"; none: it is not there.
std::optional<std::string_view> value_of(std::string_view list, std::string_view key) {
    while (!list.empty()) {
        size_t end = list.find(',');
        std::string_view element = list.substr(0, end);
        if (element.size() > key.size() && element.starts_with(key) && element[key.size()] == '=') {
            return element.substr(key.size() + 1);
        }
        list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
    }
    return std::nullopt;
}

std::optional<uint32_t> parse_limit(std::string_view text) {
    return text == "unlimited" ? no_limit : number_in<uint32_t>(text);
}

bool by_key(const Entry& a, const Entry& b) {
    return a.key < b.key;
}

// Sorted; of several with one key the last.
Snapshot sorted(Snapshot entries) {
    std::reverse(entries.begin(), entries.end());
    std::stable_sort(entries.begin(), entries.end(), by_key);
    auto same_key = [](const Entry& a, const Entry& b) { return a.key == b.key; };
    entries.erase(std::unique(entries.begin(), entries.end(), same_key), entries.end());
    return entries;
}

}  // namespace

Result<Snapshot> parse_conntrack_limits(std::string_view text) {
    constexpr std::string_view default_prefix = "default limit=";
    Snapshot limits;
    while (!text.empty()) {
        std::string_view line = next_line(text);
        if (line.empty()) {
            continue;
        }
        if (line.starts_with(default_prefix)) {
            auto limit = parse_limit(line.substr(default_prefix.size()));
            if (!limit) {
                return make_error("conntrack limits: cannot understand '{}'", line);
            }
            if (*limit != 0 && *limit != no_limit) {
                limits.push_back({std::string(default_limit_key), std::to_string(*limit)});
            }
            continue;
        }
        auto zone_text = value_of(line, "zone"), limit_text = value_of(line, "limit");
        auto zone = zone_text ? number_in<uint16_t>(*zone_text) : std::nullopt;
        auto limit = limit_text ? parse_limit(*limit_text) : std::nullopt;
        if (!zone || !limit) {
            return make_error("conntrack limits: cannot understand '{}'", line);
        }
        limits.push_back({std::string(zone_limit_prefix) + std::to_string(*zone), std::to_string(*limit)});
    }
    return sorted(std::move(limits));
}

Result<Snapshot> parse_sweep_interval(std::string_view text) {
    constexpr std::string_view digits = "0123456789";
    size_t begin = text.find_first_of(digits);
    size_t end = begin == std::string_view::npos ? begin : text.find_first_not_of(digits, begin);
    auto interval_ms = begin == std::string_view::npos ? std::nullopt : number_in<uint32_t>(text.substr(begin, end - begin));
    if (!interval_ms) {
        return make_error("conntrack sweep interval: cannot understand '{}'", trim(text));
    }
    if (*interval_ms == default_sweep_interval_ms) {
        return Snapshot();
    }
    return Snapshot{{std::string(sweep_interval_key), std::to_string(*interval_ms)}};
}

Result<Snapshot> parse_ipf_status(std::string_view text) {
    static constexpr struct {
        std::string_view name, key;
        bool is_switch;
    } settings[] = {
        {"v4 enabled", "v4", true},           {"v6 enabled", "v6", true},
        {"min v4 frag size", "v4 min", false}, {"min v6 frag size", "v6 min", false},
        {"max num frags (v4/v6)", "max", false},
    };
    Snapshot entries;
    while (!text.empty()) {
        std::string_view line = next_line(text);
        size_t colon = line.find(':');
        std::string_view name = trim(line.substr(0, colon));
        auto setting = std::find_if(std::begin(settings), std::end(settings), [&](const auto& one) { return one.name == name; });
        if (colon == std::string_view::npos || setting == std::end(settings)) {
            continue;
        }
        auto value = number_in<uint32_t>(trim(line.substr(colon + 1)));
        if (!value) {
            return make_error("fragment settings: cannot understand '{}'", line);
        }
        entries.push_back({std::string(fragments_prefix) + std::string(setting->key),
                           !setting->is_switch ? std::to_string(*value) : *value ? "enabled" : "disabled"});
    }
    entries = sorted(std::move(entries));
    if (entries.size() != std::size(settings)) {
        return make_error("fragment settings: dpctl/ipf-get-status does not say all of them");
    }
    return entries;
}

}  // namespace hitless::state

#include "appctl/arguments.h"

#include <algorithm>
#include <charconv>

namespace hitless::appctl {
namespace {

constexpr size_t kMaxArgumentBytes = 4096;   // PATH_MAX: more is no path, digest or number
constexpr size_t kMaxMessageDigits = 2 * 65535;   // of an OpenFlow message
constexpr uint64_t kMaxSoakSeconds = 86'400;
constexpr uint64_t kMaxCount = 100'000;

Result<uint64_t> number(const std::string& command, const std::string& what, const std::string& text,
                        uint64_t low, uint64_t high) {
    uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < low || value > high) {
        return make_error("{}: {} \"{}\": not a whole number from {} to {}", command, what, text, low, high);
    }
    return value;
}

Result<std::vector<uint8_t>> bytes(const std::string& command, const std::string& digits) {
    std::vector<uint8_t> bytes;
    for (size_t i = 0; i + 1 < digits.size(); i += 2) {
        uint8_t byte = 0;
        auto [end, error] = std::from_chars(&digits[i], &digits[i] + 2, byte, 16);
        if (error != std::errc{} || end != &digits[i] + 2) {
            break;
        }
        bytes.push_back(byte);
    }
    if (digits.empty() || bytes.size() * 2 != digits.size()) {
        return make_error("{}: MESSAGE is not written in pairs of hexadecimal digits", command);
    }
    return bytes;
}

std::string usage_of(const std::string& command, const Accepts& accepts) {
    auto usage = accepts.usage();
    return usage.empty() ? command : command + " " + usage;
}

}  // namespace

std::string Accepts::usage() const {
    std::string text;
    auto add = [&text](bool accepted, std::string_view words) {
        if (accepted) {
            text += text.empty() ? "" : " ";
            text += words;
        }
    };
    add(from, "[--from=installed|DIR|FILE.deb|URL|apt[:VERSION]|release:NAME] [--sha256=HEX] [--signature=FILE|URL]");
    add(soak, "[--soak=SECONDS]");
    add(keep_standby, "[--keep-standby]");
    add(format, "[--format=table|json]");
    add(count, "[N]");
    add(kind, "[KIND]");
    add(release, "RELEASE");
    add(message, "BRIDGE MESSAGE");
    return text;
}

Result<Arguments> parse_arguments(const std::string& command, const Accepts& accepts,
                                  const std::vector<std::string>& arguments) {
    Arguments parsed;
    auto refuse = [&](const std::string& argument, std::string_view why) {
        return make_error("{}: {} \"{}\"; usage: {}", command, why, argument, usage_of(command, accepts));
    };
    for (const auto& argument : arguments) {
        if (argument.size() > (accepts.message ? kMaxMessageDigits : kMaxArgumentBytes)) {
            return make_error("{}: an argument is longer than {} bytes", command,
                              accepts.message ? kMaxMessageDigits : kMaxArgumentBytes);
        }
        if (std::ranges::any_of(argument, [](unsigned char c) { return c < ' ' || c == 0x7f; })) {
            return make_error("{}: an argument holds control characters", command);
        }
        auto equals = argument.find('=');
        std::string name = argument.substr(0, equals);
        std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
        if (name == "--format" && accepts.format) {
            if (value != "table" && value != "json") {
                return refuse(argument, "format is neither table nor json:");
            }
            parsed.format = value == "json" ? Format::json : Format::table;
        } else if (name == "--from" && accepts.from) {
            if (value.empty()) {
                return refuse(argument, "names no software:");
            }
            parsed.from = value;
        } else if (name == "--sha256" && accepts.from) {
            if (value.size() != 64 || !std::ranges::all_of(value, [](unsigned char c) { return std::isxdigit(c); })) {
                return refuse(argument, "not 64 hexadecimal digits:");
            }
            std::ranges::transform(value, value.begin(), [](unsigned char c) { return std::tolower(c); });
            parsed.sha256 = value;
        } else if (name == "--signature" && accepts.from) {
            if (value.empty()) {
                return refuse(argument, "names no signature:");
            }
            parsed.signature = value;
        } else if (name == "--soak" && accepts.soak) {
            parsed.soak = std::chrono::seconds(TRY(number(command, "--soak", value, 0, kMaxSoakSeconds)));
        } else if (argument == "--keep-standby" && accepts.keep_standby) {
            parsed.keep_standby = true;
        } else if (!argument.starts_with('-') && accepts.count && !parsed.count) {
            parsed.count = TRY(number(command, "N", argument, 1, kMaxCount));
        } else if (!argument.starts_with('-') && accepts.message && parsed.bridge.empty()) {
            if (argument.find('/') != std::string::npos) {
                return refuse(argument, "no name of a bridge:");
            }
            parsed.bridge = argument;
        } else if (!argument.starts_with('-') && accepts.message && parsed.message.empty()) {
            parsed.message = TRY(bytes(command, argument));
        } else if (!argument.starts_with('-') && accepts.release && parsed.release.empty() && !argument.empty()) {
            parsed.release = argument;
        } else if (!argument.starts_with('-') && accepts.kind && !parsed.kind) {
            parsed.kind = argument;
        } else {
            return refuse(argument, "unknown argument");
        }
    }
    if ((accepts.message && parsed.message.empty()) || (accepts.release && parsed.release.empty())) {
        return make_error("{}: an argument is missing; usage: {}", command, usage_of(command, accepts));
    }
    return parsed;
}

}  // namespace hitless::appctl

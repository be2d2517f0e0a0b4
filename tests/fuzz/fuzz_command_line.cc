// Any words may be given to a hitless/* command, or be the command line of the switch that runs: refused, or within what is documented.
#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "appctl/arguments.h"
#include "control/routing.h"
#include "instance/command_line.h"

namespace {

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines(1);
    for (char c : text) {
        if (c == '\n') {
            lines.emplace_back();
        } else {
            lines.back() += c;
        }
    }
    return lines;
}

void check_arguments(uint8_t accepted, const std::vector<std::string>& words) {
    using namespace hitless::appctl;
    auto accepts = [accepted](int bit) { return (accepted >> bit & 1) != 0; };
    Accepts all{.from = accepts(0), .soak = accepts(1), .keep_standby = accepts(2), .count = accepts(3), .kind = accepts(4),
                .release = accepts(5), .message = accepts(6), .format = accepts(7)};
    auto parsed = parse_arguments("hitless/any", all, words);
    if (!parsed) {
        return;
    }
    for (const std::string& text : {parsed->from.value_or(""), parsed->kind.value_or(""), parsed->bridge, parsed->release}) {
        if (std::ranges::any_of(text, [](unsigned char c) { return std::iscntrl(c); })) {
            std::abort();
        }
    }
    bool within = (!parsed->sha256 || parsed->sha256->size() == 64) && (!parsed->soak || parsed->soak->count() <= 86'400) &&
                  (!parsed->count || *parsed->count > 0) && parsed->message.size() <= 65'535 &&
                  parsed->bridge.find('/') == std::string::npos;
    if (!within || (all.message && parsed->message.empty()) || (all.release && parsed->release.empty())) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (!size) {
        return 0;
    }
    std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    auto words = lines_of(text);
    check_arguments(data[0], words);
    (void) hitless::instance::parse_command_line(words, "/run/openvswitch");
    (void) hitless::control::merge_command_lists(text, text.substr(text.size() / 2));
    return 0;
}

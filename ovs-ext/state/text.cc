#include "state/text.h"

#include <fmt/format.h>

namespace hitless::state {

bool is_unknown_command(const Error& error) {
    return error.message.find("is not a valid command") != std::string::npos;
}

std::string_view next_word(std::string_view& text) {
    size_t start = text.find_first_not_of(" \t");
    if (start == std::string_view::npos) {
        text = {};
        return {};
    }
    size_t end = text.find_first_of(" \t", start);
    std::string_view word = text.substr(start, end == std::string_view::npos ? end : end - start);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end);
    return word;
}

std::string_view next_line(std::string_view& text) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    return line;
}

bool parse_mac(std::string_view text, MacAddress& mac) {
    if (text.size() != 17) {
        return false;
    }
    for (size_t i = 0; i < mac.size(); i++) {
        if (!parse_number(text.substr(3 * i, 2), mac[i], 16) || (i < 5 && text[3 * i + 2] != ':')) {
            return false;
        }
    }
    return true;
}

std::string format_mac(const MacAddress& mac) {
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

bool parse_port(std::string_view text, uint32_t& port) {
    if (text == "LOCAL") {
        port = ofpp_local;
        return true;
    }
    return parse_number(text, port);
}

std::string format_port(uint32_t port) {
    return port == ofpp_local ? "LOCAL" : std::to_string(port);
}

}  // namespace hitless::state

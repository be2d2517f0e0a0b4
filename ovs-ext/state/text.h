// Reading what ovs-appctl prints, piece by piece.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "state/packet_builder.h"

namespace hitless::state {

// OpenFlow's number of the LOCAL port, which versions print as "LOCAL".
constexpr uint32_t ofpp_local = 0xfffffffe;

// Whether a command was refused because the instance's version has none of that name (lib/unixctl.c).
bool is_unknown_command(const Error& error);

// The next word of 'text', which loses it; words are separated by blanks. Empty: there is none.
std::string_view next_word(std::string_view& text);
// The same with lines.
std::string_view next_line(std::string_view& text);

// Whether 'text' is a number and nothing else.
template <typename Number>
bool parse_number(std::string_view text, Number& number, int base = 10) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return error == std::errc() && end == text.data() + text.size();
}

bool parse_mac(std::string_view text, MacAddress& mac);
std::string format_mac(const MacAddress& mac);

// OpenFlow port numbers; a port's name is none.
bool parse_port(std::string_view text, uint32_t& port);
std::string format_port(uint32_t port);

}  // namespace hitless::state

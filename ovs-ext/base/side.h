// The two instances of a hand-over.
#pragma once

#include <string_view>

namespace hitless {

// A is the operator's own switch, B the standby.
enum class Side { A, B };

constexpr Side other(Side side) { return side == Side::A ? Side::B : Side::A; }
constexpr std::string_view to_string(Side side) { return side == Side::A ? "A" : "B"; }

}  // namespace hitless

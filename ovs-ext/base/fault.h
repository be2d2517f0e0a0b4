// Fault points: named places at which a test can have the program killed, as if by "kill -9": HITLESS_FAULT_POINT=NAME in the
// environment. Without that one, a point costs a comparison with null.
//
// The names that are written down are in a section of the program, so that a test finds all of them: readelf -p fault_points
// ovs-hitlessd. Those of phases are made of the phase's name.
#pragma once

#include <signal.h>

#include <cstdlib>
#include <string_view>

namespace hitless::fault {

inline void reached(std::string_view name) {
    static const char* const wanted = std::getenv("HITLESS_FAULT_POINT");
    if (wanted && name == wanted) {
        ::raise(SIGKILL);
    }
}

}  // namespace hitless::fault

// In no template or inline function, where the section would be another's.
#define FAULT_POINT(NAME)                                                                        \
    do {                                                                                         \
        static const char fault_point_[] __attribute__((section("fault_points"), used)) = NAME; \
        ::hitless::fault::reached(fault_point_);                                                 \
    } while (false)

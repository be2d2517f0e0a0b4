// Fault points: named places at which a test can have the program killed, as if by "kill -9": HITLESS_FAULT_POINT=NAME in the
// environment; or stopped, so that something else can happen first: HITLESS_STOP_POINT=NAME. Without these, a point costs two
// comparisons with null.
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
    static const char* const stop = std::getenv("HITLESS_STOP_POINT");
    if (stop && name == stop) {
        ::raise(SIGSTOP);
    }
}

}  // namespace hitless::fault

// In no template or inline function, where the section would be another's.
#define FAULT_POINT(NAME)                                                                        \
    do {                                                                                         \
        static const char fault_point_[] __attribute__((section("fault_points"), used)) = NAME; \
        ::hitless::fault::reached(fault_point_);                                                 \
    } while (false)

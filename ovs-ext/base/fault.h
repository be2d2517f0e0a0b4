// Fault points: named places at which a test can have the program killed, as if by "kill -9": HITLESS_FAULT_POINT=NAME in the
// environment; or can have something else happen first: with HITLESS_WAIT_POINT=NAME the thread that comes there first makes the file
// of which HITLESS_WAIT_FILE is the path, and waits until somebody has removed it. Without these, a point costs two comparisons with
// null.
//
// The names that are written down are in a section of the program, so that a test finds all of them: readelf -p fault_points
// ovs-hitlessd. Those of phases are made of the phase's name.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string_view>

namespace hitless::fault {

inline void reached(std::string_view name) {
    static const char* const wanted = std::getenv("HITLESS_FAULT_POINT");
    if (wanted && name == wanted) {
        ::raise(SIGKILL);
    }
    static const char* const wait = std::getenv("HITLESS_WAIT_POINT");
    static std::atomic_flag waited;
    if (const char* file; wait && name == wait && (file = std::getenv("HITLESS_WAIT_FILE")) && !waited.test_and_set()) {
        ::close(::creat(file, 0600));
        while (::access(file, F_OK) == 0) {
            ::usleep(10'000);
        }
    }
}

}  // namespace hitless::fault

// In no template or inline function, where the section would be another's.
#define FAULT_POINT(NAME)                                                                        \
    do {                                                                                         \
        static const char fault_point_[] __attribute__((section("fault_points"), used)) = NAME; \
        ::hitless::fault::reached(fault_point_);                                                 \
    } while (false)

// What becomes of an operation in which an earlier daemon ended: the rules of docs/recovery.md. Pure logic.
//
// Who has the packets is known from the kernel, how far the operation was from the journal. (A commit is there only once it is over: in
// the hold the journal waits. So a hold with the packets at the other side is a commit after the release.)
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/side.h"
#include "upgrade/summary.h"

namespace hitless::upgrade {

// The operation as the journal has it.
struct Interrupted {
    Command command{};
    bool keep_standby = false;
    struct Begun {
        Phase phase{};
        enum class State { running, done, failed } state = State::running;
        std::string error;   // where it failed
    };
    std::vector<Begun> phases;
};

// A has the packets, and they are not to be brought to B: B and all that belongs to it is taken away, and this is what the operation came to.
struct Ending {
    Outcome outcome = Outcome::failed;
    std::string error;   // empty where it is done
};
Ending end_with_a(const Interrupted& operation);

// There is a pair again: what follows.
struct Resumption {
    std::optional<Interrupted::Begun> failed;   // its remedy comes first
    std::vector<Phase> phases;                  // then these; none: the operation is over
    State end = State::failed_over;             // where the switch rests then
    Outcome outcome = Outcome::running;         // so far
};
// B has the packets. 'a_ready': A's process lives, and is not stopped.
Resumption resume_with_b(const Interrupted& operation, bool a_ready);
// A has the packets, and was, or was next, watched in the soak-back; none: it was not.
std::optional<Resumption> resume_with_a(const Interrupted& operation);

}  // namespace hitless::upgrade

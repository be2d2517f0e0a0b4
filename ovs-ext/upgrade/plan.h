// The plan of an operation: which phases a command takes from the state that the switch is in, and what a failure in each of
// them means. Pure logic.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"

namespace hitless::upgrade {

// Where the switch rests between operations.
enum class State {
    idle,          // A forwards; there is no B
    standby,       // A forwards; B is kept ready
    failed_over,   // B forwards; A is frozen, or restarted and silent
};

enum class Command {
    upgrade,    // A to B, A's software replaced, back to A
    failover,   // A to B
    give_back,  // "return": B to A with a full copy
    rollback,   // B to A as fast as can be: A's state plus what changed on B
    standby,    // make B ready
    retire,     // give up a stand-by
};

enum class Phase {
    preflight,   // can all of A's configuration and state be carried?
    fetch,       // get the new software, verify it
    standby,     // start B, build legs, attach steering
    copy,        // A's state to B while A forwards
    verify,      // B equals A, kind by kind
    hold,        // new packets are held, A drains
    commit,      // final delta, held packets to B, B is active, A is frozen
    soak,        // watch B
    reprogram,   // replace A's software, restart A from it
    thaw,        // let a frozen A run again, silent
    copy_back,   // B's state to A while B forwards
    verify_back,
    hold_back,
    commit_back,
    soak_back,   // watch a restarted A while B is still there
    retire,      // end B, leave nothing behind
};

struct Plan {
    std::vector<Phase> phases;
    State end = State::idle;   // where the switch rests when all went well
};

// What is done when a phase fails.
enum class Remedy {
    forget,       // nothing was touched
    discard,      // end B; A has forwarded all the time
    call_off,     // give held packets back to A; end B
    roll_back,    // packets back to A at once, then end B
    put_back,     // old software back in place, A restarted from it, then the way back goes on
    take_back,    // packets back to B at once, then as put_back, and the way back once more
    stay,         // B goes on forwarding; the operator decides
    report,       // the host may have leftovers; say which
};

// The phases that 'command' takes from 'state'. With 'keep_standby', B is kept ready in the end. Error when it makes no sense
// in that state: says why and what does.
Result<Plan> make_plan(State state, Command command, bool keep_standby);

// What a failure of 'phase' means.
Remedy remedy(Phase phase);

// The phases that end with packets held: until the next one has released them nothing may block.
bool in_blackout(Phase phase);

// True while the operation can be ended by hitless/abort and the switch is as it was.
bool can_abort(Phase phase);

std::string_view to_string(State state);
std::string_view to_string(Command command);
std::string_view to_string(Phase phase);

}  // namespace hitless::upgrade

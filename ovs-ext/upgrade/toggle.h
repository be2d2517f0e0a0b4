// What hand-overs (handover.cc) and remedies (remedies.cc) are made of: who is cut off, when packets wait, where they go then, and what
// the instance that has them gets besides. On the conductor's thread.
#pragma once

#include <map>
#include <string>

#include "upgrade/phases.h"

namespace hitless::upgrade {

// Whoever changes the state of the side that is to be halted, and would believe the change to be in effect, is cut off before
// the last of that state is read: controllers, and programs at the control and management sockets. Neither side takes a change that
// the other does not get: those who come back wait for direct_clients().
Status cut_off(Step& step, Side from);

// What that changes on the host where A is cut off, and what was there before; for the journal, before it happens.
std::map<std::string, std::string> changes_of_cut_off(const Pair& pair, const Places& places);

// 'side' is about to have the packets. An instance that has none gives way to the other; on a busy host it would take fewer of them.
void give_precedence(Pair& pair, Side side);

// Returns when the main loop of 'side' comes to the end of a turn, and is about to look at all ports anew.
Status await_turn(Pair& pair, Side side, std::chrono::milliseconds limit);

// Waits until 'side', whose sockets are known, has processed all that waits for it: ProcessSockets::accept_all(). In the hold it is asked for
// what packets change with that, so that to look at it costs no further turn of its main loop.
Status drain_and_ask(Pair& pair, Side side, std::chrono::milliseconds limit, const std::function<Status()>& go_on);

// The same for what it had taken when this was called, while more come.
Status accept_all(Pair& pair, Side side, std::chrono::milliseconds limit);

// In the hold, when the other side is drained, and 'to' is to have the packets: waits until it is through with those that both have got
// (Steering::taken_by_both()). Its sockets are known.
Status finish_as_standby(Pair& pair, Side to, std::chrono::milliseconds limit);

// Packets that may change connections wait, until halt() and release(), or the deadline of the pair's settings.
Status halt_changes(Pair& pair);
// New packets wait, until release() or the deadline of the pair's settings.
Status halt(Pair& pair);
// To 'to', which is the active side then. An Error: the packets may be there all the same, too late, or not all of the held ones.
Result<datapath::ReleaseReport> release(Step& step, Side to);

// Programs reach 'side' from now on, also those that wait.
Status direct_clients(Step& step, Side side);

// That side has the packets. What is not done here in time costs nobody a packet.
Status settle_at_b(Step& step);
Status settle_at_a(Step& step);

// What stands in the database of A's interfaces is of B, which nobody carries there any more. A stock switch writes it down anew when it is
// told of a device: it looks at all of its ports then, and forwards nothing meanwhile, 30 ms with 256 ports [measured]. Returns when it has.
// So it comes before A has the packets, if there is time for that.
void have_a_look_around(Step& step);

// From here on A's flows have their timeouts, or are gone: a later daemon must not give them back.
void forget_timed_flows(Step& step);

}  // namespace hitless::upgrade

// The daemon runs as root and keeps, of root's capabilities, only those that it uses. See docs/security.md.
#pragma once

#include "base/result.h"

namespace hitless {

// Gives up all capabilities of the calling thread but those that the daemon needs and has. To be called before other threads are
// made: they inherit what is left. Programs that are run inherit none, but what the kernel gives to every program of root's.
Status keep_needed_capabilities();

}  // namespace hitless

#include "base/precedence.h"

#include <sys/resource.h>
#include <unistd.h>

namespace hitless {

namespace {

constexpr int least_niceness = -20;

}  // namespace

// In Linux a niceness is that of a thread.
Precedence::Precedence() : thread_(::gettid()), nice_(::getpriority(PRIO_PROCESS, static_cast<id_t>(thread_))) {
    (void) ::setpriority(PRIO_PROCESS, static_cast<id_t>(thread_), least_niceness);
}

Precedence::~Precedence() {
    (void) ::setpriority(PRIO_PROCESS, static_cast<id_t>(thread_), nice_);
}

}  // namespace hitless

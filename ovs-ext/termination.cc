#include "termination.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/openvswitch.h"

namespace hitless {
namespace {

int ends[2] = {-1, -1};   // of a pipe: readable once a signal has come; for the signal handler

void handle(int) {
    int error = errno;
    (void) !::write(ends[1], "", 1);
    errno = error;
}

}  // namespace

Termination::Termination() {
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK)) {
        ovs_fatal(errno, "no pipe");
    }
    struct sigaction action = {};
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    for (int number : {SIGTERM, SIGINT}) {
        ::sigaction(number, &action, nullptr);
    }
}

bool Termination::requested() const {
    pollfd request = {ends[0], POLLIN, 0};
    return ::poll(&request, 1, 0) > 0;
}

void Termination::wait() const {
    poll_fd_wait(ends[0], POLLIN);
}

}  // namespace hitless

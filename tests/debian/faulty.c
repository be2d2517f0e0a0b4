/* Loaded by the ovs-vswitchd of a package that is broken on purpose (tests/debian/prepare), which otherwise is the stock one. With
 *
 *   EXITS   it ends when it has run for two seconds;
 *   DROPS   it looks healthy, but nothing that it sends through a device of the kernel gets there. */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef EXITS
int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    static long start_ms;
    struct timespec now, limit = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};

    clock_gettime(CLOCK_MONOTONIC, &now);
    long now_ms = now.tv_sec * 1000L + now.tv_nsec / 1000000;
    if (!start_ms) {
        start_ms = now_ms;
    } else if (now_ms - start_ms >= 2000) {
        _exit(1);
    }
    return (int) syscall(SYS_ppoll, fds, n, timeout_ms < 0 ? NULL : &limit, NULL, 0);
}
#endif

#ifdef DROPS
int sendmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags)
{
    (void) fd, (void) flags;
    for (unsigned int i = 0; i < n; i++) {
        messages[i].msg_len = 1;
    }
    return (int) n;
}
#endif

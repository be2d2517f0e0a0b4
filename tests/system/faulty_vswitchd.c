/* Linked into a copy of the installed ovs-vswitchd, before the C library (TrafficLab::faulty_software()): it fails as HITLESS_FAULT says.
 *
 *   never       does not start
 *   as-a        does not start but as a stand-by
 *   blind       cannot read the database, but as a stand-by
 *   soon        ends two seconds after its start, but as a stand-by
 *   mute        runs well, but sends no packet, but as a stand-by */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int mute, blind;

static int ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

/* In a process of its own: kills the daemon some time after it has started. */
static void kill_later(const char *rundir)
{
    char path[4096];
    int pid = 0;

    if (fork()) {
        return;
    }
    setsid();
    for (int fd = 0; fd < 1024; fd++) {
        close(fd);
    }
    usleep(2000 * 1000);
    snprintf(path, sizeof path, "%s/ovs-vswitchd.pid", rundir);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%d", &pid) == 1 && pid > 1) {
        kill(pid, SIGKILL);
    }
    _exit(0);
}

__attribute__((constructor)) static void begin(int argc, char *argv[])
{
    const char *fault = getenv("HITLESS_FAULT");
    const char *rundir = getenv("OVS_RUNDIR");

    if (argc < 2 || !strcmp(argv[1], "--version") || !fault || !rundir) {
        return;
    }
    int standby = ends_with(rundir, "/hitless/b");
    if (!strcmp(fault, "never") || (!strcmp(fault, "as-a") && !standby)) {
        fprintf(stderr, "ovs-vswitchd: this build is broken\n");
        _exit(1);
    }
    if (!strcmp(fault, "soon") && !standby) {
        kill_later(rundir);
    }
    mute = !strcmp(fault, "mute") && !standby;
    blind = !strcmp(fault, "blind") && !standby;
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    static int (*next)(int, const struct sockaddr *, socklen_t);

    if (blind && address->sa_family == AF_UNIX && ends_with(((const struct sockaddr_un *) address)->sun_path, "/db.sock")) {
        errno = EACCES;
        return -1;
    }
    if (!next) {
        next = (int (*)(int, const struct sockaddr *, socklen_t)) dlsym(RTLD_NEXT, "connect");
    }
    return next(fd, address, size);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags)
{
    static int (*next)(int, struct mmsghdr *, unsigned int, int);
    int domain = 0;
    socklen_t size = sizeof domain;

    if (mute && !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) && domain == AF_PACKET) {
        return (int) n;
    }
    if (!next) {
        next = (int (*)(int, struct mmsghdr *, unsigned int, int)) dlsym(RTLD_NEXT, "sendmmsg");
    }
    return next(fd, messages, n, flags);
}

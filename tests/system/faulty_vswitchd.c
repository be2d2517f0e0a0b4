/* An ovs-vswitchd that fails as HITLESS_FAULT says, for upgrade_faults_test.cc; otherwise the installed one.
 *
 *   never       does not start
 *   as-a        does not start but as a stand-by
 *   soon        ends two seconds after its start, but as a stand-by
 *   mute        runs well, but sends no packet (preload.c), but as a stand-by */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

int main(int argc, char *argv[])
{
    const char *fault = getenv("HITLESS_FAULT");
    const char *rundir = getenv("OVS_RUNDIR");

    if (argc > 1 && strcmp(argv[1], "--version") && fault && rundir) {
        int standby = ends_with(rundir, "/hitless/b");
        if (!strcmp(fault, "never") || (!strcmp(fault, "as-a") && !standby)) {
            fprintf(stderr, "ovs-vswitchd: this build is broken\n");
            return 1;
        }
        if (!strcmp(fault, "soon") && !standby) {
            kill_later(rundir);
        }
        if (!strcmp(fault, "mute") && !standby) {
            struct stat own;
            char inode[32] = "";
            if (!stat("/proc/self/exe", &own)) {
                snprintf(inode, sizeof inode, "%lu", (unsigned long) own.st_ino);
            }
            setenv("LD_PRELOAD", PRELOAD, 1);
            setenv("HITLESS_MUTE", inode, 1);
        }
    }
    execv("/usr/lib/openvswitch-switch/ovs-vswitchd", argv);
    return 1;
}

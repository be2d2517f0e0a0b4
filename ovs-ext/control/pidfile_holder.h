// Holds the operator's ovs-vswitchd.pid while no process of that switch runs: ovs-appctl then finds the daemon by it, and a
// stock start aborts ("already running as pid N") instead of running into an upgrade.
//
// Same protocol as make_pidfile() of lib/daemon-unix.c in OVS: the file PIDFILE.tmp is locked (fcntl F_SETLK: ovs-appctl
// compares the locks' owner with the file's text, so it must be such a lock and no open-file-description lock), written and
// renamed.
//
// Trap: the kernel drops a process's locks on a file when the process closes *any* descriptor of it. While the pidfile is held,
// nothing in the daemon may open and close it: no Process::from_pidfile() for it, no copying of the run directory.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "control/unix_socket.h"

namespace hitless::control {

class PidfileHolder {
  public:
    explicit PidfileHolder(std::string path) : path_(std::move(path)) {}
    ~PidfileHolder() { (void)release(); }
    PidfileHolder(const PidfileHolder&) = delete;
    PidfileHolder& operator=(const PidfileHolder&) = delete;

    // Takes the pidfile, with this process's pid. A stale one is replaced; an Error names the process that holds a live one.
    Status hold();

    // Removes the pidfile, if it is still ours, and lets go of the lock: just before the switch is started.
    Status release();

    bool held() const { return static_cast<bool>(file_); }

  private:
    std::string path_;
    Fd file_;              // its being open holds the lock
    FileIdentity identity_;
};

}  // namespace hitless::control

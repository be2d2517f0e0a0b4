// The front: makes an unmodified "ovs-appctl hitless/upgrade" reach the daemon, and every other command the active instance.
//
// "ovs-appctl X" reads ovs-vswitchd.pid and connects to ovs-vswitchd.PID.ctl. The front gives the socket that the switch
// listens at the second name PATH.hitless and puts a socket of its own in its place, by rename(2), so that no moment is without
// a socket. It serves each request by its method (routing.h) over a connection of its own to the server meant, so that a slow
// command of one client never holds up another; answers and errors pass unchanged. A client has one request in progress at a
// time, further ones wait, as lib/unixctl.c in OVS has it.
//
// The files beside PATH, and what a crash may leave of them:
//
//   PATH.hitless       the switch's socket while the front is at PATH
//   PATH.hitless.new   for an instant, on the way to a rename
//
// Trap: on SIGTERM and "exit" the switch unlinks PATH, whatever is there by then; on SIGKILL it leaves everything. give_back()
// and repair() cope with both.
//
// run() and wait() belong to the daemon's main loop, and so do construction and destruction; the other functions may be called
// by any thread and return at once.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "control/unix_socket.h"

struct seq;

namespace hitless::control {

class Front {
  public:
    // 'own_path': the daemon's own control socket, for hitless/ commands. It is served by the same main loop.
    explicit Front(std::string own_path);
    // Gives everything back.
    ~Front();
    Front(const Front&) = delete;
    Front& operator=(const Front&) = delete;

    // How long a request may stay with an instance that is not active any more, before its client is told that the result is
    // unknown. (It is not repeated elsewhere: it may have been carried out.)
    static constexpr std::chrono::milliseconds handover_grace{5000};

    // From now on, commands for the switch go to the control socket at 'path': with a switch whose socket was taken over,
    // displaced(). Empty: no instance is active, and its commands are refused.
    void set_active(const std::string& path);

    // Commands for the switch that come from now on wait until set_active(); those before are with the instance already.
    void hold();

    // Takes the place of the running switch's control socket at 'path', after repair(). The switch is then reached at
    // displaced(path).
    Status take_over(const std::string& path);

    // Serves 'path', which is nobody's: where ovs-appctl looks while the daemon holds the switch's pidfile (PidfileHolder) and
    // no process of the switch is there. A stale socket is replaced.
    Status serve(const std::string& path);

    // Whether this front listens at 'path'.
    bool serves(const std::string& path);

    // Ends either. The switch's socket is put back if its process still listens; whatever of ours is left is removed. A
    // socket that somebody else bound at 'path' meanwhile stays. Clients that are connected are served to their end.
    Status give_back(const std::string& path);

    // Brings 'path' in order after a daemon that was killed: puts the switch's socket back where its process still listens,
    // removes what is stale. An Error if another daemon's front is alive there.
    static Status repair(const std::string& path);

    // Where the switch's socket is while the front is at 'path'.
    static std::string displaced(const std::string& path) { return path + ".hitless"; }

    void run();
    void wait();

    // Requests that were passed to the active instance, and answers or failures that came of them, counted together: while this stays
    // the same, no client has changed anything there.
    uint64_t passed() const { return passed_; }

    // Clients connected; for memory/show.
    size_t clients() const { return sessions_.size(); }

  private:
    struct Listener {
        Fd socket;
        FileIdentity file;   // what listen() left at the path
    };
    class Session;

    Status listen(const std::string& path, const FileIdentity* like);
    void accept_from(const Listener& listener);

    const std::string own_path_;
    seq* const changed_;                          // wakes the main loop
    uint64_t seen_ = 0;                           // of changed_, by the last run()

    std::mutex mutex_;                            // for the next five
    std::string active_path_;
    bool held_ = false;
    std::map<std::string, Listener> listeners_;   // by path
    std::list<Listener> closing_;                 // given back: closed by run(), so that the loop never polls a closed fd

    std::atomic<uint64_t> passed_ = 0;
    std::list<std::unique_ptr<Session>> sessions_;   // main loop only
};

}  // namespace hitless::control

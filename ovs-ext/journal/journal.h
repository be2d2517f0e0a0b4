// The journal: progress, history and configuration in the database "hitless" of the operator's ovsdb-server.
//
//   auto number = journal->begin("upgrade", source);
//   journal->phase_begin("preflight");   ...   journal->phase_end({});
//   journal->phase_begin("hold", {{"sysctl x", "1"}});
//   journal->hold_back();                              // nothing of what follows may block
//   journal->message(...); journal->phase_end({}); journal->phase_begin("commit");
//   journal->flush();                                  // what was held back is written, with the times when it happened
//   journal->end("done", "", packets);
//
// Each call that writes has been committed when it returns (but for those between hold_back() and flush()). What an Error
// says could not be written is written with the next call. The operation
// under way is kept in memory and the database is brought to it, so that a commit whose answer was lost is simply repeated. When the
// ovsdb-server was restarted, and so has forgotten a database that was added at run time, it is given it again.
//
// Any thread may call; calls exclude each other. Over the IDL of ovsdb-schema/hitless.ovsschema.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/side.h"
#include "journal/config.h"
#include "journal/records.h"

namespace hitless::journal {

struct Clock {
    std::function<microseconds()> since_1970, monotonic;
    static Clock system();
};

struct Options {
    std::string server;                                     // path of the operator's db.sock
    std::string server_pidfile;                             // RUNDIR/ovsdb-server.pid; its control socket is beside it
    std::string file = "/etc/openvswitch/hitless.db";       // made when absent, in a directory that exists
    std::string schema = "/usr/share/ovs-hitless/hitless.ovsschema";
    std::chrono::milliseconds limit{10'000};                // of each call
    // A younger server is not given the database: with that it ends sessions, and the script that has just started it, ovs-ctl, would fail.
    std::chrono::milliseconds server_age{2'000};
    Clock clock = Clock::system();
};

class Journal {
  public:
    // Makes the database where there is none, converts an older one, has the server serve it.
    static Result<std::unique_ptr<Journal>> open(Options options);
    ~Journal();
    Journal(const Journal&) = delete;

    Result<Config> config();
    Result<Overview> overview();
    // The newest 'count' operations, newest first.
    Result<std::vector<OperationRecord>> history(size_t count);

    Status set_state(const std::string& state);
    Status set_instance(Side side, const InstanceRecord& instance);
    // In place of all there were.
    Status set_releases(const std::vector<ReleaseRecord>& releases);

    // Begins an operation, gives it the next number, lets go of the oldest ones beyond history-max.
    Result<int64_t> begin(const std::string& command, const std::string& source);
    // Goes on with an operation that another run of the daemon began and did not end.
    Status resume(int64_t number);
    // Of the operation that has begun; an Error when none has, or it has ended.
    Status set_versions(const std::string& from, const std::string& to, const std::string& sha256);
    // Before the phase acts. A phase that still runs counts as done then.
    Status phase_begin(const std::string& name, const std::map<std::string, std::string>& host_changes = {});
    // Before the act, in the phase that runs. The first value given for a key stays: that is the one to restore.
    Status add_host_change(const std::string& key, const std::string& old_value);
    Status phase_end(const Status& result);
    Status message(const std::string& sender, const std::string& receiver, const std::string& verb,
                   const std::string& detail);
    Status transfer(const TransferRecord& record);
    // In place of an earlier one of the same instance and bridge.
    Status counters(const CountersRecord& record);
    Status warning(const std::string& text);
    // Also flushes.
    Status end(const std::string& state, const std::string& error, const PacketRecord& packets);

    // Until flush(), calls that write only note it in memory, at once, and do not fail for the server's sake; those that read wait
    // for it, at most for the limit of a call.
    void hold_back();
    Status flush();

  private:
    class Database;
    Journal(Options options, std::unique_ptr<Database> database);
    struct State;
    std::unique_lock<std::mutex> lock_to_read();
    Status change(const std::function<Status(State&)>& note);
    Status change_operation(const std::function<Status(OperationRecord&)>& note);
    Status write();

    std::unique_ptr<State> state_;
};

}  // namespace hitless::journal

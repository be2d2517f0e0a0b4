// The connection with the database hitless, for journal.cc alone: made, added to the server, read and written through the IDL.
// One thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "journal/journal.h"

struct ovsdb_idl;
struct ovsdb_idl_txn;
struct hitlessrec_hitless;

namespace hitless::journal {

// What the database is to contain; what is absent stays as it is.
struct Wanted {
    std::optional<std::string> state;
    std::map<Side, InstanceRecord> instances;
    std::optional<std::vector<ReleaseRecord>> releases;
    std::optional<OperationRecord> operation;   // by number: added or brought up to date
    std::optional<size_t> history_max;          // older operations go
};

class Journal::Database {
  public:
    explicit Database(Options options);
    ~Database();

    // Makes, converts, adds the database, and its root and Instance rows.
    Status open();
    // Commits what differs from 'wanted'.
    Status write(const Wanted& wanted);

    // As the server has it now: the operator writes it, so that the IDL's copy may be behind. The other rows are ours alone.
    Result<std::map<std::string, std::string>> other_config();
    Result<Overview> overview();
    Result<std::vector<OperationRecord>> history(size_t count);
    Result<int64_t> next_number();

  private:
    using Deadline = std::chrono::steady_clock::time_point;
    struct DestroyIdl {
        void operator()(ovsdb_idl* idl) const;
    };

    Status ensure_file() const;
    Status ensure_served() const;
    Status connect(Deadline deadline);
    // Connected and up to date.
    Status refresh(Deadline deadline);
    Result<const hitlessrec_hitless*> root(Deadline deadline);
    void block(Deadline deadline);
    // The status of one transaction that 'compose' fills.
    enum class Outcome { committed, try_again };
    Result<Outcome> commit(const std::function<void(ovsdb_idl_txn*)>& compose, Deadline deadline);
    Status transact(const std::function<void(ovsdb_idl_txn*)>& compose);

    Options options_;
    std::unique_ptr<ovsdb_idl, DestroyIdl> idl_;
};

}  // namespace hitless::journal

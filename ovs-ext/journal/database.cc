#include "journal/database.h"

#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <thread>

#include "base/openvswitch.h"
#include "base/process.h"
#include "journal/rows.h"
#include "ovsdb/client.h"
#include "ovsdb/conversion.h"
#include "ovsdb/values.h"
#include "unixctl/client.h"

#define class class_
#include "hitless-idl.h"
#undef class

namespace hitless::journal {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr const char* name = "hitless";   // of the database

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text + "\n").find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

void Journal::Database::DestroyIdl::operator()(ovsdb_idl* idl) const {
    ovsdb_idl_destroy(idl);
}

Journal::Database::Database(Options options) : options_(std::move(options)) {}
Journal::Database::~Database() = default;

Status Journal::Database::ensure_file() const {
    struct stat status;
    if (::stat(options_.file.c_str(), &status) == 0) {
        return {};
    }
    if (errno != ENOENT) {
        return make_errno_error(errno, "{}", options_.file);
    }
    TRY(run_checked({"ovsdb-tool", "create", options_.file, options_.schema}));
    return {};
}

Status Journal::Database::ensure_served() const {
    Process server = TRY(Process::from_pidfile(options_.server_pidfile));
    std::string stem = options_.server_pidfile;
    if (stem.ends_with(".pid")) {
        stem.resize(stem.size() - 4);
    }
    auto control = TRY(unixctl::Client::connect(fmt::format("{}.{}.ctl", stem, server.pid())));
    if (!has_line(TRY(control.call("ovsdb-server/list-dbs")), name)) {
        std::this_thread::sleep_for(options_.server_age - std::min(options_.server_age, TRY(server.age())));
        TRY(control.call("ovsdb-server/add-db", {options_.file}));
    }
    return {};
}

void Journal::Database::block(Deadline deadline) {
    ovsdb_idl_wait(idl_.get());
    poll_timer_wait(std::max<int64_t>(std::chrono::ceil<milliseconds>(deadline - SteadyClock::now()).count(), 0));
    poll_block();
}

Status Journal::Database::connect(Deadline deadline) {
    TRY(ensure_served());
    idl_.reset(ovsdb_idl_create(("unix:" + options_.server).c_str(), &hitlessrec_idl_class, true, true));
    ovsdb_idl_set_write_changed_only_all(idl_.get(), true);
    for (;;) {
        ovsdb_idl_run(idl_.get());
        if (ovsdb_idl_has_ever_connected(idl_.get())) {
            return {};
        }
        if (SteadyClock::now() >= deadline) {
            idl_.reset();
            return make_error("ovsdb-server {}: database {}: no contents in time", options_.server, name);
        }
        block(deadline);
    }
}

Status Journal::Database::open() {
    TRY(ensure_file());
    TRY(ensure_served());
    TRY(ovsdb::convert(options_.server, options_.schema, ovsdb::Conversion::to_any));
    return write({});
}

Status Journal::Database::refresh(Deadline deadline) {
    if (idl_) {
        unsigned seqno;
        do {
            seqno = ovsdb_idl_get_seqno(idl_.get());
            ovsdb_idl_run(idl_.get());
        } while (seqno != ovsdb_idl_get_seqno(idl_.get()));
    }
    if (!idl_ || !ovsdb_idl_is_connected(idl_.get())) {
        return connect(deadline);
    }
    return {};
}

Result<Journal::Database::Outcome> Journal::Database::commit(const std::function<void(ovsdb_idl_txn*)>& compose_in,
                                                             Deadline deadline) {
    std::unique_ptr<ovsdb_idl_txn, void (*)(ovsdb_idl_txn*)> txn(ovsdb_idl_txn_create(idl_.get()),
                                                                 ovsdb_idl_txn_destroy);
    compose_in(txn.get());
    for (;;) {
        ovsdb_idl_txn_status status = ovsdb_idl_txn_commit(txn.get());
        switch (status) {
        case TXN_SUCCESS:
        case TXN_UNCHANGED:
            return Outcome::committed;
        case TXN_TRY_AGAIN:
            return Outcome::try_again;
        case TXN_INCOMPLETE:
            break;
        default:
            return make_error("database {}: {}: {}", name, ovsdb_idl_txn_status_to_string(status),
                              ovsdb_idl_txn_get_error(txn.get()));
        }
        if (SteadyClock::now() >= deadline) {
            return make_error("ovsdb-server {}: database {}: a transaction was not answered in time", options_.server, name);
        }
        ovsdb_idl_txn_wait(txn.get());
        block(deadline);
        ovsdb_idl_run(idl_.get());
    }
}

Status Journal::Database::transact(const std::function<void(ovsdb_idl_txn*)>& compose_in) {
    auto deadline = SteadyClock::now() + options_.limit;
    for (;;) {
        Status connected = refresh(deadline);
        if (connected) {
            auto outcome = commit(compose_in, deadline);
            if (!outcome) {
                idl_.reset();
                return outcome.error();
            }
            if (*outcome == Outcome::committed) {
                return {};
            }
        }
        // The server is being restarted, or no longer has the database: connect() gives it to it again.
        idl_.reset();
        if (SteadyClock::now() + milliseconds(100) >= deadline) {
            return connected ? make_error("ovsdb-server {}: database {}: cannot write", options_.server, name) : connected;
        }
        poll_timer_wait(100);
        poll_block();
    }
}

Status Journal::Database::write(const Wanted& wanted) {
    return transact([&](ovsdb_idl_txn* txn) { compose(idl_.get(), txn, wanted); });
}

Result<const hitlessrec_hitless*> Journal::Database::root(Deadline deadline) {
    TRY(refresh(deadline));
    if (!hitlessrec_hitless_first(idl_.get())) {
        TRY(write({}));   // somebody has put an empty database in its place
    }
    const hitlessrec_hitless* row = hitlessrec_hitless_first(idl_.get());
    if (!row) {
        return make_error("ovsdb-server {}: database {}: no row in table Hitless", options_.server, name);
    }
    return row;
}

Result<std::map<std::string, std::string>> Journal::Database::other_config() {
    auto read = [this]() -> Result<std::map<std::string, std::string>> {
        TRY(root(SteadyClock::now() + options_.limit));   // that there is one
        auto client = TRY(ovsdb::Client::connect(options_.server, options_.limit));
        auto results = TRY(client.transact(name, {ovsdb::select("Hitless", {"other_config"})}));
        return ovsdb::to_map(results[0]["rows"][0]["other_config"]);
    };
    if (auto config = read()) {
        return config;
    }
    idl_.reset();   // a server that was restarted answers, too, and no longer has the database: connect() gives it to it again
    return read();
}

Result<Overview> Journal::Database::overview() {
    return read_overview(*TRY(root(SteadyClock::now() + options_.limit)));
}

Result<int64_t> Journal::Database::next_number() {
    int64_t next = TRY(root(SteadyClock::now() + options_.limit))->next_number;
    if (next == std::numeric_limits<int64_t>::max()) {   // no daemon counts that far
        return make_error("database hitless, table Hitless: next_number {} leaves no number for the operation after this one: set it to a "
                          "smaller one, which no row of table Upgrade has", next);
    }
    return next;
}

Result<std::vector<OperationRecord>> Journal::Database::history(size_t count) {
    const hitlessrec_hitless* row = TRY(root(SteadyClock::now() + options_.limit));
    std::map<int64_t, const hitlessrec_upgrade*, std::greater<>> newest_first;
    for (const auto* upgrade : std::span(row->upgrades, row->n_upgrades)) {
        newest_first[upgrade->number] = upgrade;
    }
    std::vector<OperationRecord> operations;
    for (const auto& [number, upgrade] : newest_first) {
        if (operations.size() == count) {
            break;
        }
        operations.push_back(read_operation(*upgrade));
    }
    return operations;
}

}  // namespace hitless::journal

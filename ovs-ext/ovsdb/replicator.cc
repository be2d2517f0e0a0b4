#include "ovsdb/replicator.h"

#include <net/if.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "base/fd.h"
#include "ovsdb/client.h"
#include "ovsdb/replication.h"
#include "ovsdb/switch_config.h"
#include "ovsdb/values.h"

namespace hitless::ovsdb {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds retry_interval{1000}, stop_limit{2000};

// One database: the connection, and what is known of its contents.
struct Replica {
    std::optional<Client> client;
    Contents contents;

    Status open(Client connected, const Columns& columns) {
        contents.clear();
        apply_updates(contents, TRY(connected.monitor(open_vswitch, monitor_requests(columns))));
        client = std::move(connected);
        return {};
    }

    Status take_updates() {
        while (auto update = TRY(client->next_update(milliseconds(0)))) {
            apply_updates(contents, *update);
        }
        return {};
    }

    // Also what the server has not sent yet: a reply comes after the updates before it.
    Status synchronize() {
        TRY(client->list_dbs());
        return take_updates();
    }

    int64_t root_integer(const char* column) const {
        auto root = contents.find(open_vswitch);
        return root == contents.end() || root->second.empty() ? 0 : to_integer(root->second.begin()->second[column]);
    }
};

Columns merged(Columns columns, const Columns& more) {
    for (const auto& [table, names] : more) {
        columns[table].insert(names.begin(), names.end());
    }
    return columns;
}

}  // namespace

class Replicator::Worker {
  public:
    explicit Worker(ReplicatorOptions options) : options_(std::move(options)), wake_(::eventfd(0, EFD_CLOEXEC)) {}

    Status start() {
        TRY(connect());
        TRY(carry());
        thread_ = std::thread([this] { run(); });
        return {};
    }

    Status stop() {
        if (!thread_.joinable()) {
            return {};
        }
        stopping_ = true;
        ::eventfd_write(wake_.get(), 1);
        thread_.join();
        return result_;
    }

  private:
    void run();
    Status connect();
    Status read_operators_status();
    Status carry();
    Status carry_configuration();
    void tell_of_opened();
    Status carry_status();
    Status carry_ifindex();
    Status carry_last();
    Status finish(bool connected);
    bool answered();
    void remove_ports(const ConfigurationChange& change, bool replaced);
    void report(const std::string& text);

    ReplicatorOptions options_;
    Fd wake_;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
    Status result_;                     // of the last flush

    CarriedColumns columns_;
    std::set<std::string> roots_;
    Replica operators_, b_;
    Contents carried_;                  // the operator's status columns, as last known
    CounterOffsets offsets_;
    std::set<std::string> with_ifindex_;   // interfaces (uuid) whose ifindex the operator's database has
    std::set<HostPort> announced_;      // to port_added(), but not in B's database yet
    std::set<std::string> unopened_;    // told of, and in B's database, but B has not opened them
    std::string problem_;               // last one reported
};

void Replicator::Worker::report(const std::string& text) {
    if (text != problem_ && options_.problem) {
        options_.problem(text);
    }
    problem_ = text;
}

Status Replicator::Worker::connect() {
    Client operators = TRY(Client::connect(options_.operators_server));
    Client b = TRY(Client::connect(options_.b_server));
    Json::Value b_schema = TRY(b.get_schema(open_vswitch));
    columns_ = carried_columns(TRY(operators.get_schema(open_vswitch)), b_schema);
    if (options_.b_stands_by) {
        columns_.configuration["Interface"].insert("ofport");   // of a new port, B's switch takes it for what it shall be
    }
    roots_ = root_tables(b_schema);
    TRY(operators_.open(std::move(operators), with_rows_of(columns_.configuration, columns_.status)));
    TRY(b_.open(std::move(b), merged(columns_.configuration, columns_.status)));
    return read_operators_status();
}

Status Replicator::Worker::read_operators_status() {
    std::vector<Json::Value> operations;
    for (const auto& [table, names] : columns_.status) {
        std::vector<std::string> wanted(names.begin(), names.end());
        wanted.push_back("_uuid");
        if (table == "Interface") {
            wanted.push_back("ifindex");
        }
        operations.push_back(select(table, wanted));
    }
    auto results = TRY(operators_.client->transact(open_vswitch, operations));
    carried_.clear();
    with_ifindex_.clear();
    size_t i = 0;
    for (const auto& [table, names] : columns_.status) {
        for (const auto& row : results[i++]["rows"]) {
            std::string uuid = row["_uuid"][1].asString();
            carried_[table][uuid] = row;
            if (to_optional_integer(row["ifindex"])) {
                with_ifindex_.insert(uuid);
            }
        }
    }
    offsets_ = counter_offsets(carried_, b_.contents);
    return {};
}

void Replicator::Worker::remove_ports(const ConfigurationChange& change, bool replaced) {
    for (const auto& port : change.removed) {
        unopened_.erase(port.name);
        bool again = std::any_of(change.added.begin(), change.added.end(),
                                 [&](const HostPort& added) { return added.name == port.name; });
        if (again == replaced && options_.port_removed) {
            options_.port_removed(port.name);
        }
    }
}

Status Replicator::Worker::carry_configuration() {
    ConfigurationChange change =
        configuration_change(operators_.contents, b_.contents, columns_.configuration, roots_);
    if (change.operations.empty()) {
        return {};
    }
    remove_ports(change, true);
    for (const auto& port : change.added) {
        if (announced_.insert(port).second && options_.port_added) {
            if (auto status = options_.port_added(port.name, port.is_tap); !status) {
                report(status.error().message);
            }
        }
    }
    TRY(b_.client->transact(open_vswitch, change.operations));
    for (const auto& port : announced_) {
        unopened_.insert(port.name);
    }
    announced_.clear();
    TRY(b_.take_updates());
    remove_ports(change, false);
    return {};
}

void Replicator::Worker::tell_of_opened() {
    bool opened = false;
    for (const auto& [uuid, row] : b_.contents["Interface"]) {
        if (to_optional_integer(row["ofport"]).value_or(-1) > 0) {
            opened |= unopened_.erase(to_text(row["name"])) > 0;
        }
    }
    if (opened && options_.ports_opened) {
        if (auto status = options_.ports_opened(); !status) {
            report(status.error().message);
        }
    }
}

Status Replicator::Worker::carry_status() {
    if (options_.b_stands_by) {
        return {};
    }
    auto operations = status_change(b_.contents, operators_.contents, columns_.status, offsets_, carried_);
    if (operations.empty()) {
        return {};
    }
    auto done = operators_.client->transact(open_vswitch, operations);
    if (!done) {
        carried_.clear();   // unknown now: everything is carried again
        return done.error();
    }
    return carry_ifindex();
}

// B's is that of the leg, in B's namespace. The host's own is entered once, when B has taken a new port.
Status Replicator::Worker::carry_ifindex() {
    std::vector<Json::Value> operations;
    for (const auto& [uuid, row] : operators_.contents["Interface"]) {
        auto status = b_.contents["Interface"].find(uuid);
        if (with_ifindex_.count(uuid) || status == b_.contents["Interface"].end() ||
            to_optional_integer(status->second["ofport"]).value_or(-1) < 0) {
            continue;
        }
        with_ifindex_.insert(uuid);
        if (unsigned index = ::if_nametoindex(to_text(row["name"]).c_str())) {
            Json::Value changed;
            changed["ifindex"] = index;
            operations.push_back(update("Interface", where_uuid(uuid), changed));
        }
    }
    if (!operations.empty()) {
        TRY(operators_.client->transact(open_vswitch, operations));
    }
    return {};
}

Status Replicator::Worker::carry() {
    TRY(operators_.take_updates());
    TRY(b_.take_updates());
    TRY(carry_configuration());
    if (!unopened_.empty()) {
        tell_of_opened();
    }
    return carry_status();
}

Status Replicator::Worker::carry_last() {
    TRY(operators_.synchronize());
    TRY(carry());
    auto deadline = Clock::now() + stop_limit;
    while (b_.root_integer("cur_cfg") < operators_.root_integer("next_cfg")) {
        if (Clock::now() >= deadline) {
            return make_error("B has not taken the last change of the configuration within {} ms", stop_limit.count());
        }
        Client* b = &*b_.client;
        Client::wait_any(std::span(&b, 1), -1, milliseconds(100));
        TRY(b_.take_updates());
    }
    TRY(b_.synchronize());
    return carry_status();
}

// A server that refuses a transaction still answers; a broken connection does not.
bool Replicator::Worker::answered() {
    return operators_.client->list_dbs() && b_.client->list_dbs();
}

// A server may be restarted just now.
Status Replicator::Worker::finish(bool connected) {
    for (auto deadline = Clock::now() + stop_limit;; std::this_thread::sleep_for(retry_interval / 10)) {
        Status status = connected ? Status() : connect();
        if (status) {
            status = carry_last();
            connected = status || answered();
        }
        if (connected || Clock::now() >= deadline) {
            return status;
        }
    }
}

void Replicator::Worker::run() {
    bool connected = true;
    while (!stopping_) {
        Client* clients[] = {&*operators_.client, &*b_.client};
        Client::wait_any(std::span(clients, connected ? 2 : 0), wake_.get(), retry_interval);
        if (stopping_) {
            break;
        }
        Status status = connected ? Status() : connect();
        if (status) {
            status = carry();
        }
        if (status) {
            problem_.clear();
        } else {
            report(status.error().message);
        }
        connected = status || answered();
    }
    result_ = finish(connected);
}

Replicator::Replicator(std::unique_ptr<Worker> worker) : worker_(std::move(worker)) {}

Replicator::~Replicator() {
    static_cast<void>(worker_->stop());
}

Result<std::unique_ptr<Replicator>> Replicator::start(ReplicatorOptions options) {
    auto worker = std::make_unique<Worker>(std::move(options));
    TRY(worker->start());
    return std::unique_ptr<Replicator>(new Replicator(std::move(worker)));
}

Status Replicator::stop() {
    return worker_->stop();
}

}  // namespace hitless::ovsdb

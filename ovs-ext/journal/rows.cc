#include "journal/rows.h"

#include <algorithm>

#include "base/openvswitch.h"

#define class class_
#include "hitless-idl.h"
#undef class

namespace hitless::journal {
namespace {

using std::chrono::milliseconds;

int64_t in_ms(microseconds time) { return std::chrono::duration_cast<milliseconds>(time).count(); }

// Whoever may write to the database may write any number: times are kept within what can be reckoned with, some thousand years.
constexpr microseconds kLatest = std::chrono::hours(24) * 1'000'000;
microseconds from_us(int64_t time) { return std::clamp(microseconds(time), -kLatest, kLatest); }
microseconds from_ms(int64_t time) { return from_us(std::clamp(time, INT64_MIN / 1000, INT64_MAX / 1000) * 1000); }

Side side_of(const std::string& name) { return name == "B" ? Side::B : Side::A; }
const char* name_of(Side side) { return side == Side::B ? "B" : "A"; }

// A struct smap with a scope.
class StringMap {
  public:
    explicit StringMap(const std::map<std::string, std::string>& content) {
        smap_init(&map_);
        for (const auto& [key, value] : content) {
            smap_add(&map_, key.c_str(), value.c_str());
        }
    }
    StringMap(const StringMap&) = delete;
    ~StringMap() { smap_destroy(&map_); }
    const smap* get() const { return &map_; }

  private:
    smap map_;
};

std::map<std::string, std::string> to_map(const smap& from) {
    std::map<std::string, std::string> map;
    const smap_node* node;
    SMAP_FOR_EACH (node, &from) {
        map[node->key] = node->value;
    }
    return map;
}

// The rows of a reference column, by their column "position".
template <typename Row>
std::map<int64_t, Row*> by_position(Row** rows, size_t n) {
    std::map<int64_t, Row*> ordered;
    for (Row* row : std::span(rows, n)) {
        ordered[row->position] = row;
    }
    return ordered;
}

// As many rows as records, those there are first; the n-th record goes to the n-th row. 'insert' makes a row and sets what
// never changes of it, 'set' the rest.
template <typename Row, typename Record, typename Insert, typename Set>
std::vector<Row*> compose_rows(Row** present, size_t n, const std::vector<Record>& records, Insert insert, Set set) {
    auto ordered = by_position(present, n);
    std::vector<Row*> rows;
    for (size_t i = 0; i < records.size(); i++) {
        auto found = ordered.find(static_cast<int64_t>(i));
        Row* row = found == ordered.end() ? insert(static_cast<int64_t>(i), records[i]) : found->second;
        set(row, records[i]);
        rows.push_back(row);
    }
    return rows;
}

void compose_phases(ovsdb_idl_txn* txn, hitlessrec_upgrade* row, const OperationRecord& operation) {
    auto rows = compose_rows(
        row->phases, row->n_phases, operation.phases,
        [&](int64_t position, const PhaseRecord& record) {
            auto* phase = hitlessrec_phase_insert(txn);
            hitlessrec_phase_set_position(phase, position);
            hitlessrec_phase_set_name(phase, record.name.c_str());
            hitlessrec_phase_set_began_ms(phase, in_ms(record.began));
            return phase;
        },
        [](hitlessrec_phase* phase, const PhaseRecord& record) {
            hitlessrec_phase_set_state(phase, record.state.c_str());
            hitlessrec_phase_set_error(phase, record.error.c_str());
            hitlessrec_phase_set_host_changes(phase, StringMap(record.host_changes).get());
            if (record.duration) {
                int64_t duration = record.duration->count();
                hitlessrec_phase_set_duration_us(phase, &duration, 1);
            }
        });
    hitlessrec_upgrade_set_phases(row, rows.data(), rows.size());
}

void compose_transfers(ovsdb_idl_txn* txn, hitlessrec_upgrade* row, const OperationRecord& operation) {
    auto rows = compose_rows(
        row->transfers, row->n_transfers, operation.transfers,
        [&](int64_t position, const TransferRecord& record) {
            auto* transfer = hitlessrec_transfer_insert(txn);
            hitlessrec_transfer_set_position(transfer, position);
            hitlessrec_transfer_set_kind(transfer, record.kind.c_str());
            hitlessrec_transfer_set_sender(transfer, name_of(record.sender));
            return transfer;
        },
        [](hitlessrec_transfer* transfer, const TransferRecord& record) {
            hitlessrec_transfer_set_copied(transfer, static_cast<int64_t>(record.copied));
            hitlessrec_transfer_set_identical(transfer, static_cast<int64_t>(record.identical));
            hitlessrec_transfer_set_differing(transfer, static_cast<int64_t>(record.differing));
            hitlessrec_transfer_set_delta(transfer, static_cast<int64_t>(record.delta));
            hitlessrec_transfer_set_duration_us(transfer, record.duration.count());
            hitlessrec_transfer_set_longest_request_us(transfer, record.longest_request.count());
        });
    hitlessrec_upgrade_set_transfers(row, rows.data(), rows.size());
}

void compose_counters(ovsdb_idl_txn* txn, hitlessrec_upgrade* row, const OperationRecord& operation) {
    auto rows = compose_rows(
        row->counters, row->n_counters, operation.counters,
        [&](int64_t position, const CountersRecord& record) {
            auto* counters = hitlessrec_counters_insert(txn);
            hitlessrec_counters_set_position(counters, position);
            hitlessrec_counters_set_instance(counters, name_of(record.instance));
            hitlessrec_counters_set_bridge(counters, record.bridge.c_str());
            return counters;
        },
        [](hitlessrec_counters* counters, const CountersRecord& record) {
            hitlessrec_counters_set_flows(counters, static_cast<int64_t>(record.flows));
            hitlessrec_counters_set_packets(counters, static_cast<int64_t>(record.packets));
            hitlessrec_counters_set_bytes(counters, static_cast<int64_t>(record.bytes));
            hitlessrec_counters_set_file(counters, record.file.c_str());
        });
    hitlessrec_upgrade_set_counters(row, rows.data(), rows.size());
}

void compose_messages(ovsdb_idl_txn* txn, hitlessrec_upgrade* row, const OperationRecord& operation) {
    auto rows = compose_rows(
        row->messages, row->n_messages, operation.messages,
        [&](int64_t position, const MessageRecord& record) {
            auto* message = hitlessrec_message_insert(txn);
            hitlessrec_message_set_position(message, position);
            hitlessrec_message_set_sender(message, record.sender.c_str());
            hitlessrec_message_set_receiver(message, record.receiver.c_str());
            hitlessrec_message_set_verb(message, record.verb.c_str());
            hitlessrec_message_set_detail(message, record.detail.c_str());
            hitlessrec_message_set_time_us(message, record.time.count());
            return message;
        },
        [](hitlessrec_message*, const MessageRecord&) {});
    hitlessrec_upgrade_set_messages(row, rows.data(), rows.size());
}

void compose_scalars(hitlessrec_upgrade* row, const OperationRecord& operation) {
    hitlessrec_upgrade_set_state(row, operation.state.c_str());
    hitlessrec_upgrade_set_from_version(row, operation.from_version.c_str());
    hitlessrec_upgrade_set_to_version(row, operation.to_version.c_str());
    hitlessrec_upgrade_set_source(row, operation.source.c_str());
    hitlessrec_upgrade_set_sha256(row, operation.sha256.c_str());
    hitlessrec_upgrade_set_error(row, operation.error.c_str());
    hitlessrec_upgrade_set_held(row, static_cast<int64_t>(operation.packets.held));
    hitlessrec_upgrade_set_dropped(row, static_cast<int64_t>(operation.packets.dropped));
    hitlessrec_upgrade_set_blackout_us(row, operation.packets.blackout.count());
    if (operation.ended) {
        int64_t ended = in_ms(*operation.ended);
        hitlessrec_upgrade_set_ended_ms(row, &ended, 1);
    }
    std::vector<const char*> warnings;
    for (const auto& warning : operation.warnings) {
        warnings.push_back(warning.c_str());
    }
    hitlessrec_upgrade_set_warnings(row, warnings.data(), warnings.size());
}

// The oldest operations beyond 'wanted.history_max' are left out of the root's, and go with that.
void compose_operation(ovsdb_idl_txn* txn, const hitlessrec_hitless* root, const Wanted& wanted) {
    std::map<int64_t, hitlessrec_upgrade*> rows;
    for (auto* row : std::span(root->upgrades, root->n_upgrades)) {
        rows[row->number] = row;
    }
    const OperationRecord& operation = *wanted.operation;
    auto& row = rows[operation.number];
    if (!row) {
        row = hitlessrec_upgrade_insert(txn);
        hitlessrec_upgrade_set_number(row, operation.number);
        hitlessrec_upgrade_set_command(row, operation.command.c_str());
        hitlessrec_upgrade_set_began_ms(row, in_ms(operation.began));
        hitlessrec_hitless_set_next_number(root, operation.number + 1);
    }
    compose_scalars(row, operation);
    compose_phases(txn, row, operation);
    compose_transfers(txn, row, operation);
    compose_counters(txn, row, operation);
    compose_messages(txn, row, operation);
    while (wanted.history_max && rows.size() > *wanted.history_max) {
        rows.erase(rows.begin());
    }
    std::vector<hitlessrec_upgrade*> kept;
    for (const auto& entry : rows) {
        kept.push_back(entry.second);
    }
    hitlessrec_hitless_set_upgrades(root, kept.data(), kept.size());
}

void compose_instance(const hitlessrec_instance* row, const InstanceRecord& record) {
    hitlessrec_instance_set_role(row, record.role.c_str());
    int64_t pid = record.pid.value_or(0);
    hitlessrec_instance_set_pid(row, &pid, record.pid ? 1 : 0);
    hitlessrec_instance_set_version(row, record.version.c_str());
    hitlessrec_instance_set_executable(row, record.executable.c_str());
    hitlessrec_instance_set_rundir(row, record.rundir.c_str());
    hitlessrec_instance_set_network_namespace(row, record.network_namespace.c_str());
}

void compose_instances(ovsdb_idl_txn* txn, const hitlessrec_hitless* root, const Wanted& wanted) {
    std::map<Side, hitlessrec_instance*> rows;
    for (auto* row : std::span(root->instances, root->n_instances)) {
        rows[side_of(row->name)] = row;
    }
    std::vector<hitlessrec_instance*> all;
    for (Side side : {Side::A, Side::B}) {
        auto& row = rows[side];
        auto record = wanted.instances.find(side);
        if (!row) {
            row = hitlessrec_instance_insert(txn);
            hitlessrec_instance_set_name(row, name_of(side));
            compose_instance(row, InstanceRecord());
        }
        if (record != wanted.instances.end()) {
            compose_instance(row, record->second);
        }
        all.push_back(row);
    }
    hitlessrec_hitless_set_instances(root, all.data(), all.size());
}

void compose_releases(ovsdb_idl_txn* txn, const hitlessrec_hitless* root, const std::vector<ReleaseRecord>& releases) {
    std::map<std::string, hitlessrec_release*> rows;   // by digest, the table's index
    for (auto* row : std::span(root->releases, root->n_releases)) {
        rows[row->sha256] = row;
    }
    std::vector<hitlessrec_release*> all;
    for (const auto& release : releases) {
        auto& row = rows[release.sha256];
        if (!row) {
            row = hitlessrec_release_insert(txn);
            hitlessrec_release_set_version(row, release.version.c_str());
            hitlessrec_release_set_source(row, release.source.c_str());
            hitlessrec_release_set_sha256(row, release.sha256.c_str());
            hitlessrec_release_set_path(row, release.path.c_str());
            hitlessrec_release_set_package_version(row, release.package_version.c_str());
        }
        hitlessrec_release_set_kept_since_ms(row, in_ms(release.kept_since));
        all.push_back(row);
    }
    hitlessrec_hitless_set_releases(root, all.data(), all.size());
}

}  // namespace

void compose(ovsdb_idl* idl, ovsdb_idl_txn* txn, const Wanted& wanted) {
    const hitlessrec_hitless* root = hitlessrec_hitless_first(idl);
    if (!root) {
        root = hitlessrec_hitless_insert(txn);
        hitlessrec_hitless_set_state(root, "idle");
        hitlessrec_hitless_set_next_number(root, 1);
    }
    compose_instances(txn, root, wanted);
    if (wanted.state) {
        hitlessrec_hitless_set_state(root, wanted.state->c_str());
    }
    if (wanted.releases) {
        compose_releases(txn, root, *wanted.releases);
    }
    if (wanted.operation) {
        compose_operation(txn, root, wanted);
    }
}

OperationRecord read_operation(const hitlessrec_upgrade& row) {
    OperationRecord operation;
    operation.number = row.number;
    operation.command = row.command;
    operation.state = row.state;
    operation.from_version = row.from_version;
    operation.to_version = row.to_version;
    operation.source = row.source;
    operation.sha256 = row.sha256;
    operation.error = row.error;
    operation.began = from_ms(row.began_ms);
    if (row.n_ended_ms) {
        operation.ended = from_ms(*row.ended_ms);
    }
    operation.packets = {static_cast<uint64_t>(row.held), static_cast<uint64_t>(row.dropped), from_us(row.blackout_us)};
    operation.warnings.assign(row.warnings, row.warnings + row.n_warnings);
    std::sort(operation.warnings.begin(), operation.warnings.end());
    for (const auto& [position, phase] : by_position(row.phases, row.n_phases)) {
        operation.phases.push_back(
            {phase->name, phase->state, from_ms(phase->began_ms),
             phase->n_duration_us ? std::optional(from_us(*phase->duration_us)) : std::nullopt,
             to_map(phase->host_changes), phase->error});
    }
    for (const auto& [position, transfer] : by_position(row.transfers, row.n_transfers)) {
        operation.transfers.push_back(
            {transfer->kind, side_of(transfer->sender), static_cast<uint64_t>(transfer->copied),
             static_cast<uint64_t>(transfer->identical), static_cast<uint64_t>(transfer->differing),
             static_cast<uint64_t>(transfer->delta), from_us(transfer->duration_us),
             from_us(transfer->longest_request_us)});
    }
    for (const auto& [position, counters] : by_position(row.counters, row.n_counters)) {
        operation.counters.push_back({side_of(counters->instance), counters->bridge, static_cast<uint64_t>(counters->flows),
                                      static_cast<uint64_t>(counters->packets), static_cast<uint64_t>(counters->bytes), counters->file});
    }
    for (const auto& [position, message] : by_position(row.messages, row.n_messages)) {
        operation.messages.push_back(
            {message->sender, message->receiver, message->verb, message->detail, from_us(message->time_us)});
    }
    return operation;
}

Overview read_overview(const hitlessrec_hitless& root) {
    Overview overview;
    overview.state = root.state;
    for (const auto* row : std::span(root.instances, root.n_instances)) {
        overview.instances[side_of(row->name)] = {row->role, row->n_pid ? std::optional(*row->pid) : std::nullopt,
                                                  row->version, row->executable, row->rundir, row->network_namespace};
    }
    for (const auto* row : std::span(root.releases, root.n_releases)) {
        overview.releases.push_back({row->version, row->package_version, row->source, row->sha256, row->path, from_ms(row->kept_since_ms)});
    }
    std::sort(overview.releases.begin(), overview.releases.end(),
              [](const auto& a, const auto& b) { return a.kept_since < b.kept_since; });
    return overview;
}

}  // namespace hitless::journal

// Flows in canonical form: what a switch tells of them (OpenFlow 1.5.1 section 7.3.5.2, flow descriptions and statistics), as
// the flow mod that makes them.
//
// In canonical form two switches of different versions give equal bytes: the fields of a match are in one order (oxm_match.h), and
// instructions are decoded with libopenvswitch and encoded again. Instructions that this library cannot decode (an action of a newer
// switch) keep the bytes that the switch gave.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "openflow/connection.h"
#include "openflow/table_population.h"

struct vl_mff_map;

namespace hitless::openflow {

struct Flow {
    std::string key;        // table (1 byte), priority (2, network order), match: orders flows, and names one among all
    std::string flow_mod;   // OFPT_FLOW_MOD with OFPFC_ADD and transaction id 0, but for actions of OpenFlow 1.0: old_actions.h
    size_t place = 0;       // among the flows that the switch told of, in the order in which it did
    bool doubtful = false;  // its actions may be others, which OpenFlow 1.5 cannot tell: FlowReader::restore_old_actions()

    bool operator==(const Flow&) const = default;
};

// What a flow monitor says of one flow, or of itself.
struct FlowEvent {
    enum class What {
        Changed,   // added or modified
        Removed,
        Lost,      // the switch had no room for more events (OFPFME_PAUSED): any flow may have changed
    };
    What what;
    std::string key;
    uint64_t cookie = 0;   // network order
    size_t place = 0;      // among the events that were read
};

// Reads flows as one switch tells of them: the lengths of tun_metadata fields are the switch's own (its TLV map).
class FlowReader {
  public:
    static Result<FlowReader> open(Connection& connection);
    FlowReader() : FlowReader(nullptr) {}   // of a switch without a TLV map
    FlowReader(FlowReader&&) noexcept;
    FlowReader& operator=(FlowReader&&) noexcept;
    ~FlowReader();

    // All flows that the switch shows, of all tables, sorted by key. Read table by table, so that the switch forwards packets
    // between two of them and what has come is decoded while it writes the next. It tells of a table's flows in the order in which
    // it looks for the one that applies, as far as they overlap at equal priority (ofproto.c and classifier.c in OVS 3.1: both walk
    // through the groups of flows of one mask; of those that go as high in priority, the one that was made first comes first).
    Result<std::vector<Flow>> read_all(Connection& connection) const;

    // The same of some tables, which are in order.
    Result<std::vector<Flow>> read_tables(Connection& connection, std::span<const TablePopulation::Table> tables) const;

    // The flows of these 'events' (Changed; the keys differ) that there are now, sorted by key.
    Result<std::vector<Flow>> read(Connection& connection, std::span<const FlowEvent> events) const;

    // Those of which one message of a reply tells.
    Result<std::vector<Flow>> flows_in(std::span<const uint8_t> reply) const;

    // Gives those of 'flows', which this object has read, that are doubtful their actions, as far as they are of OpenFlow 1.0
    // (old_actions.h). 'text' is what the control command bridge/dump-flows prints of the bridge.
    void restore_old_actions(std::string_view text, std::span<Flow> flows) const;

    // Which of tun_metadata0...63 (bit 0...63) the flow matches or uses.
    uint64_t tlv_fields(std::string_view flow_mod) const;

    // The content of a flow monitor's update.
    Result<std::vector<FlowEvent>> events(std::span<const uint8_t> update) const;

  private:
    explicit FlowReader(vl_mff_map* fields);

    struct Destroy {
        void operator()(vl_mff_map* fields) const;
    };
    std::unique_ptr<vl_mff_map, Destroy> fields_;   // null: no TLV map
};

// The part of a flow mod that comes after its match, and the flow mod with another in its place.
std::string_view instructions_at(std::string_view flow_mod);
std::string with_instructions(std::string_view flow_mod, std::string_view instructions);

// The key of the flow that a flow mod makes.
std::string flow_key(std::string_view flow_mod);

// Appends what makes the flow, whether or not it is there. 'is_new' says that it is not: a flow with the flag check_overlap is
// then made in two steps, for the switch looks for overlaps only when a flow is new and one that came after it may overlap. The
// messages of flows with old actions (old_actions.h) are of OpenFlow 1.0.
void append_flow_add(std::string_view flow_mod, bool is_new, std::vector<Message>& messages);
// When the flow goes by itself; in seconds, 0: never.
struct Timeouts {
    uint16_t idle = 0, hard = 0;

    bool any() const { return idle || hard; }
};
Timeouts timeouts_of(std::string_view flow_mod);
std::string with_timeouts(std::string_view flow_mod, Timeouts timeouts);

// The flows that go with this one (it has a learn action with delete_learned): all of that table and cookie.
struct Learned {
    uint8_t table;
    uint64_t cookie;   // network order

    auto operator<=>(const Learned&) const = default;
};
std::vector<Learned> learned_by(std::string_view flow_mod);
// Table and cookie of the flow itself.
Learned origin_of(std::string_view flow_mod);
// Whether packets that meet the flow make others: it has a learn action, at whatever depth, or bytes that look like one. (A group that it
// refers to has none that acts, nor a fin_timeout: of a bucket the switch carries out only what an action set may have,
// ofpacts_execute_action_set() in lib/ofp-actions.c in OVS 3.1.)
bool learns(std::string_view flow_mod);
// Whether packets that meet the flow may shorten its timeouts (a fin_timeout action), or it looks so.
bool shortens_timeouts(std::string_view flow_mod);
// Whether it has a ct action with a helper (alg=ftp, alg=tftp), or it looks so.
bool names_helper(std::string_view flow_mod);

Message flow_removal(std::string_view flow_mod);

// As ovs-ofctl dump-flows prints it, without statistics.
std::string describe_flow(std::string_view flow_mod);

// Asks for events of all flows of all tables; they come to the connection's event handler (is_flow_update()).
Message flow_monitor_request();
bool is_flow_update(std::span<const uint8_t> message);

}  // namespace hitless::openflow

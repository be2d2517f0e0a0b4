#include "base/openvswitch.h"

#include "openflow/old_actions.h"

#include <unordered_map>

#include "openflow/buffers.h"
#include "openflow/decoded_flow.h"
#include "openflow/flow_ages.h"

namespace hitless::openflow {

namespace {

// An experimenter instruction (OpenFlow 1.5.1 section 7.2.5) of an experimenter that does not exist. Actions follow.
struct OldActions {
    uint16_t type = htons(0xffff);   // OFPIT_EXPERIMENTER
    uint16_t length = 0;             // network order
    uint32_t experimenter = htonl(0x686c3130);
};

Buffer write(const ofpact* actions, size_t length, ofp_version version) {
    Buffer out(ofpbuf_new(256));
    if (version == OFP10_VERSION) {
        ofpacts_put_openflow_actions(actions, length, out.get(), version);
    } else {
        ofpacts_put_openflow_instructions(actions, length, out.get(), version);
    }
    return out;
}

std::string_view bytes_of(const Buffer& buffer) {
    return {static_cast<const char*>(buffer->data), buffer->size};
}

// What ovs-ofctl would make of a flow's text.
struct ParsedFlow {
    ofputil_flow_mod mod{};   // unless 'failed'
    bool failed;

    explicit ParsedFlow(const std::string& text) {
        ofputil_protocol usable;
        char* error = parse_ofp_flow_mod_str(&mod, text.c_str(), nullptr, nullptr, OFPFC_ADD, &usable);
        failed = error;
        std::free(error);
    }
    ParsedFlow(const ParsedFlow&) = delete;
    ParsedFlow& operator=(const ParsedFlow&) = delete;
    ~ParsedFlow() {
        if (!failed) {
            minimatch_destroy(&mod.match);
            std::free(const_cast<ofpact*>(mod.ofpacts));
        }
    }
    std::string key() const { return key_of(mod.match, mod.priority, mod.table_id); }
};

// Of "table_id=6, duration=1s, n_packets=0, n_bytes=0, priority=1,in_port=1,actions=mod_vlan_vid:10" what ovs-ofctl takes; of table 0
// there is no table_id. Empty where that cannot be.
std::string flow_text(std::string_view line) {
    constexpr std::string_view table = "table_id=", statistics = "n_bytes=", end = ", ";
    size_t at = line.find(end, std::min(line.find(statistics), line.size()));
    if (at == line.npos) {
        return {};
    }
    std::string text(line.substr(at + end.size()));
    return line.starts_with(table) ? "table=" + std::string(line.substr(table.size(), line.find(',') - table.size() + 1)) + text : text;
}

std::string instruction_of(std::string_view actions) {
    OldActions header;
    header.length = htons(sizeof header + actions.size());
    return std::string(reinterpret_cast<const char*>(&header), sizeof header).append(actions);
}

// 'actions' are what the switch itself says that the flow has. OpenFlow 1.0 has to tell of them where 1.5 does not allow what it tells, or
// tells of other actions the same.
void restore(Flow& flow, const ofpact* actions, size_t length, const vl_mff_map* fields) {
    DecodedFlow told(flow.flow_mod, fields);
    bool differ = told.error ? told.error == OFPERR_OFPBAC_MATCH_INCONSISTENT
                             : !ofpacts_equal_stringwise(actions, length, told.mod.ofpacts, told.mod.ofpacts_len) &&
                                   bytes_of(write(actions, length, OFP15_VERSION)) == instructions_at(flow.flow_mod);
    const Buffer old = write(actions, length, OFP10_VERSION);
    if (differ && old->size < UINT16_MAX / 2) {   // else it is no flow that a switch has: no message is as long
        flow.flow_mod = with_instructions(flow.flow_mod, instruction_of(bytes_of(old)));
    }
}

}  // namespace

std::optional<std::string_view> old_actions_of(std::string_view flow_mod) {
    std::string_view instructions = instructions_at(flow_mod);
    OldActions header, ours;
    if (instructions.size() < sizeof header) {
        return std::nullopt;
    }
    std::memcpy(&header, instructions.data(), sizeof header);
    if (header.type != ours.type || header.experimenter != ours.experimenter) {
        return std::nullopt;
    }
    return instructions.substr(sizeof header);
}

Result<Message> old_flow_add(std::string_view flow_mod) {
    DecodedFlow decoded(flow_mod, nullptr);
    if (decoded.error) {
        return make_error("a flow with actions of OpenFlow 1.0: {}", ofperr_get_name(decoded.error));
    }
    return to_message(ofputil_encode_flow_mod(&decoded.mod, OFPUTIL_P_OF10_NXM_TID));
}

Message allow_old_flow_adds() {
    return to_message(ofputil_encode_nx_flow_mod_table_id(true));
}

bool may_have_old_actions(std::string_view flow_mod, const vl_mff_map* fields) {
    using namespace std::string_view_literals;
    constexpr auto push_and_set = "\0\x11\0\x08\x81\0\0\0\0\x19\0\x10\x80\0"sv;   // OFPAT_PUSH_VLAN, OFPAT_SET_FIELD
    constexpr auto pop_queue = "\0\0\x23\x20\0\x05"sv;                                // NX_VENDOR_ID, NXAST_POP_QUEUE
    std::string_view instructions = instructions_at(flow_mod);
    if (instructions.find(push_and_set) != instructions.npos || instructions.find(pop_queue) != instructions.npos) {
        return true;
    }
    return DecodedFlow(flow_mod, fields).error == OFPERR_OFPBAC_MATCH_INCONSISTENT;
}

void restore_old_actions(std::string_view text, std::span<Flow> flows, const vl_mff_map* fields) {
    std::unordered_map<std::string, Flow*> wanted;
    for (Flow& flow : flows) {
        if (flow.doubtful) {
            wanted.emplace(age_key(flow.flow_mod), &flow);
        }
    }
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        ParsedFlow parsed(flow_text(line));
        if (parsed.failed) {
            continue;   // not one of those: it has fields or actions that this library does not know
        }
        if (auto found = wanted.find(parsed.key()); found != wanted.end()) {
            restore(*found->second, parsed.mod.ofpacts, parsed.mod.ofpacts_len, fields);
        }
    }
}

}  // namespace hitless::openflow

#include "base/openvswitch.h"

#include "openflow/flow_table.h"

#include "openflow/buffers.h"
#include "openflow/decoded_flow.h"
#include "openflow/instructions.h"
#include "openflow/old_actions.h"
#include "openflow/oxm_match.h"
#include "openflow/tlv_fields.h"

namespace hitless::openflow {

namespace {

constexpr size_t mod_offset = sizeof(ofp_header);                       // of the body of a flow mod
constexpr size_t match_offset = mod_offset + sizeof(ofp11_flow_mod);    // of its match
constexpr size_t key_match_offset = 3;
constexpr size_t tables_at_once = 2;                                    // one is written while another is read
constexpr size_t flows_expected_at_most = 1'000'000;                    // more take their memory when they come
constexpr uint8_t flow_mod_type = 14;   // OFPT_FLOW_MOD: the library has no public name for it

// The header of a flow's statistics (OpenFlow 1.5.1 section 7.2.4.1).
struct StatisticsHeader {
    uint16_t reserved;
    uint16_t length;   // network order, without padding
};

ofp11_flow_mod* mod_of(std::string& message) {
    return reinterpret_cast<ofp11_flow_mod*>(message.data() + mod_offset);
}

const ofp11_flow_mod* mod_of(std::string_view message) {
    return reinterpret_cast<const ofp11_flow_mod*>(message.data() + mod_offset);
}

template <typename T>
void append(std::string& bytes, const T& part) {
    bytes.append(reinterpret_cast<const char*>(&part), sizeof part);
}

void set_length(std::string& message) {
    uint16_t length = htons(message.size());
    std::memcpy(message.data() + offsetof(ofp_header, length), &length, sizeof length);
}

// A flow mod made of parts that are in the form of the wire.
std::string make_flow_mod(const ofp11_flow_mod& body, std::string_view match, std::string_view instructions) {
    std::string message;
    message.reserve(match_offset + match.size() + instructions.size());
    ofp_header header{};
    header.version = OFP15_VERSION;
    header.type = flow_mod_type;
    append(message, header);
    append(message, body);
    message.append(match).append(instructions);
    set_length(message);
    return message;
}

ofp11_flow_mod plain_add() {
    ofp11_flow_mod body{};
    body.command = OFPFC_ADD;
    body.buffer_id = htonl(UINT32_MAX);
    body.out_port = ofputil_port_to_ofp11(OFPP_ANY);
    body.out_group = htonl(OFPG_ANY);
    return body;
}

// All flows in 'match' of 'table' with that cookie; a mask of 0 means any cookie.
Message flow_request(uint8_t table, uint64_t cookie, uint64_t cookie_mask, std::string_view match) {
    ofpbuf* request = ofpraw_alloc(OFPRAW_OFPST11_FLOW_REQUEST, OFP15_VERSION, match.size());
    auto* body = static_cast<ofp11_flow_stats_request*>(ofpbuf_put_zeros(request, sizeof(ofp11_flow_stats_request)));
    body->table_id = table;
    body->out_port = ofputil_port_to_ofp11(OFPP_ANY);
    body->out_group = htonl(OFPG_ANY);
    body->cookie = cookie;
    body->cookie_mask = cookie_mask;
    ofpbuf_put(request, match.data(), match.size());
    return to_message(request);
}

// An OXM match of everything.
std::string_view any_match() {
    static constexpr char bytes[8] = {0, OFPMT_OXM, 0, 4, 0, 0, 0, 0};
    return {bytes, sizeof bytes};
}

std::string make_key(uint8_t table, uint16_t priority, std::string_view match) {
    std::string key;
    key.reserve(key_match_offset + match.size());
    key += static_cast<char>(table);
    append(key, priority);
    return key.append(match);
}

// Appends the flows of which one message of a reply tells.
Status decode_reply(std::span<const uint8_t> reply, const vl_mff_map* fields, CanonicalInstructions& instructions,
                    std::vector<Flow>& flows) {
    ofpraw raw;
    ofpbuf content = ofpbuf_const_initializer(reply.data(), reply.size());
    if (ofpraw_pull(&raw, &content) || raw != OFPRAW_OFPST15_FLOW_REPLY) {
        return make_error("flows: the switch does not answer in the form of OpenFlow 1.5");
    }
    std::string match;
    std::string_view rest(static_cast<const char*>(content.data), content.size);
    while (!rest.empty()) {
        ofp15_flow_desc flow;
        if (rest.size() < sizeof flow) {
            return make_error("flows: malformed answer");
        }
        std::memcpy(&flow, rest.data(), sizeof flow);
        size_t length = ntohs(flow.length);
        if (length < sizeof flow || length > rest.size() || length % 8) {   // of another no flow mod can be made
            return make_error("flows: malformed answer");
        }
        std::string_view body = rest.substr(sizeof flow, length - sizeof flow);
        std::string_view given_match = match_at(body);
        body.remove_prefix(given_match.size());
        StatisticsHeader statistics;
        if (given_match.empty() || body.size() < sizeof statistics) {
            return make_error("flows: malformed answer");
        }
        std::memcpy(&statistics, body.data(), sizeof statistics);
        size_t statistics_length = ROUND_UP(ntohs(statistics.length), 8);
        if (statistics_length > body.size()) {
            return make_error("flows: malformed answer");
        }
        ofp11_flow_mod mod = plain_add();
        mod.cookie = flow.cookie;
        mod.table_id = flow.table_id;
        mod.idle_timeout = flow.idle_timeout;
        mod.hard_timeout = flow.hard_timeout;
        mod.priority = flow.priority;
        mod.flags = flow.flags;
        mod.importance = flow.importance;
        canonicalize_match(given_match, match);
        auto [canonical, plain] = instructions.of(body.substr(statistics_length));
        if (match_offset + match.size() + canonical.size() > UINT16_MAX) {
            return make_error("flows: a flow is longer than a message may be");
        }
        flows.push_back({make_key(flow.table_id, flow.priority, match), make_flow_mod(mod, match, canonical), flows.size()});
        flows.back().doubtful = !plain && may_have_old_actions(flows.back().flow_mod, fields);
        rest.remove_prefix(length);
    }
    return {};
}

void sort_by_key(std::span<Flow> flows) {
    auto less = [](const Flow& a, const Flow& b) { return a.key < b.key; };
    if (!std::is_sorted(flows.begin(), flows.end(), less)) {
        std::sort(flows.begin(), flows.end(), less);
    }
}

}  // namespace

FlowReader::FlowReader(vl_mff_map* fields) : fields_(fields) {}
FlowReader::FlowReader(FlowReader&&) noexcept = default;
FlowReader& FlowReader::operator=(FlowReader&&) noexcept = default;
FlowReader::~FlowReader() = default;

void FlowReader::Destroy::operator()(vl_mff_map* fields) const {
    hitless_tlv_fields_destroy(fields);
}

Result<FlowReader> FlowReader::open(Connection& connection) {
    auto reply = TRY(connection.request(to_message(ofpraw_alloc(OFPRAW_NXT_TLV_TABLE_REQUEST, OFP15_VERSION, 0))));
    vl_mff_map* fields = nullptr;
    int error = hitless_tlv_fields_create(reinterpret_cast<const ofp_header*>(reply.front().data()), &fields);
    if (error) {
        return make_error("bridge {}: TLV map: unreadable answer: {}", connection.name(),
                          ofperr_get_name(static_cast<ofperr>(error)));
    }
    return FlowReader(fields);
}

Result<std::vector<Flow>> FlowReader::read_all(Connection& connection) const {
    return read_tables(connection, TRY(read_table_population(connection)).tables);
}

Result<std::vector<Flow>> FlowReader::read_tables(Connection& connection, std::span<const TablePopulation::Table> tables) const {
    std::vector<Message> requests;
    size_t expected = 0;
    for (const auto& table : tables) {
        requests.push_back(flow_request(table.id, 0, 0, any_match()));
        expected += table.flows;
    }
    std::vector<Flow> flows;
    flows.reserve(std::min(expected, flows_expected_at_most));
    CanonicalInstructions instructions(fields_.get());
    size_t table = 0, sorted = 0;
    auto sort_table = [&] {
        sort_by_key(std::span(flows).subspan(sorted));
        sorted = flows.size();
    };
    TRY(connection.requests(requests, tables_at_once, [&](size_t request, std::span<const uint8_t> part) {
        if (std::exchange(table, request) != request) {
            sort_table();
        }
        return decode_reply(part, fields_.get(), instructions, flows);
    }));
    sort_table();
    return flows;
}

Result<std::vector<Flow>> FlowReader::read(Connection& connection, std::span<const FlowEvent> events) const {
    std::vector<Message> requests;
    for (const FlowEvent& event : events) {
        requests.push_back(flow_request(static_cast<uint8_t>(event.key[0]), event.cookie, UINT64_MAX,
                                        std::string_view(event.key).substr(key_match_offset)));
    }
    std::vector<Flow> found, candidates;   // of these the narrower flows, too, and those of other priorities
    CanonicalInstructions instructions(fields_.get());
    TRY(connection.requests(requests, Connection::all_at_once, [&](size_t request, std::span<const uint8_t> part) -> Status {
        candidates.clear();
        TRY(decode_reply(part, fields_.get(), instructions, candidates));
        for (Flow& flow : candidates) {
            if (flow.key == events[request].key) {
                found.push_back(std::move(flow));
            }
        }
        return {};
    }));
    sort_by_key(found);
    return found;
}

Result<std::vector<Flow>> FlowReader::flows_in(std::span<const uint8_t> reply) const {
    std::vector<Flow> flows;
    CanonicalInstructions instructions(fields_.get());
    TRY(decode_reply(reply, fields_.get(), instructions, flows));
    return flows;
}

void FlowReader::restore_old_actions(std::string_view text, std::span<Flow> flows) const {
    openflow::restore_old_actions(text, flows, fields_.get());
}

uint64_t FlowReader::tlv_fields(std::string_view flow_mod) const {
    DecodedFlow decoded(flow_mod, fields_.get());
    if (decoded.error) {
        return UINT64_MAX;
    }
    match match;
    minimatch_expand(&decoded.mod.match, &match);
    return match.wc.masks.tunnel.metadata.present.map | decoded.mod.ofpacts_tlv_bitmap;
}

Result<std::vector<FlowEvent>> FlowReader::events(std::span<const uint8_t> update) const {
    ofpraw raw;
    ofpbuf content = ofpbuf_const_initializer(update.data(), update.size());
    if (ofpraw_pull(&raw, &content)) {
        return make_error("flow monitor: malformed update");
    }
    std::vector<FlowEvent> events;
    std::string_view rest(static_cast<const char*>(content.data), content.size);
    while (!rest.empty()) {
        ofp_flow_update_header header;
        if (rest.size() < sizeof header) {
            return make_error("flow monitor: malformed update");
        }
        std::memcpy(&header, rest.data(), sizeof header);
        size_t length = ntohs(header.length);
        uint16_t event = ntohs(header.event);
        if (length < sizeof header || length > rest.size()) {
            return make_error("flow monitor: malformed update");
        }
        if (event == OFPFME_PAUSED) {
            events.push_back({FlowEvent::What::Lost, {}});
        } else if (event <= OFPFME_MODIFIED) {
            ofp_flow_update_full full;
            if (length < sizeof full) {
                return make_error("flow monitor: malformed update");
            }
            std::memcpy(&full, rest.data(), sizeof full);
            std::string_view match = match_at(rest.substr(sizeof full, length - sizeof full));
            if (match.empty()) {
                return make_error("flow monitor: malformed update");
            }
            std::string canonical;
            canonicalize_match(match, canonical);
            events.push_back({event == OFPFME_REMOVED ? FlowEvent::What::Removed : FlowEvent::What::Changed,
                              make_key(full.table_id, full.priority, canonical), full.cookie});
        }
        rest.remove_prefix(length);
    }
    return events;
}

std::string_view instructions_at(std::string_view flow_mod) {
    return flow_mod.substr(match_offset + match_at(flow_mod.substr(match_offset)).size());
}

std::string with_instructions(std::string_view flow_mod, std::string_view instructions) {
    std::string changed(flow_mod.substr(0, flow_mod.size() - instructions_at(flow_mod).size()));
    changed.append(instructions);
    set_length(changed);
    return changed;
}

std::string flow_key(std::string_view flow_mod) {
    std::string match;
    canonicalize_match(match_at(flow_mod.substr(match_offset)), match);
    return make_key(mod_of(flow_mod)->table_id, mod_of(flow_mod)->priority, match);
}

void append_flow_add(std::string_view flow_mod, bool is_new, std::vector<Message>& messages) {
    auto append_one = [&](std::string_view add) {
        auto old = old_actions_of(add) ? old_flow_add(add) : to_message(add);
        messages.push_back(old ? std::move(*old) : to_message(add));   // which the switch refuses, and is told of
    };
    if (is_new && mod_of(flow_mod)->flags & htons(OFPFF_CHECK_OVERLAP)) {
        std::string unchecked(flow_mod);
        mod_of(unchecked)->flags &= ~htons(OFPFF_CHECK_OVERLAP);
        append_one(unchecked);
    }
    append_one(flow_mod);
}

Timeouts timeouts_of(std::string_view flow_mod) {
    return {ntohs(mod_of(flow_mod)->idle_timeout), ntohs(mod_of(flow_mod)->hard_timeout)};
}

std::string with_timeouts(std::string_view flow_mod, Timeouts timeouts) {
    std::string timed(flow_mod);
    mod_of(timed)->idle_timeout = htons(timeouts.idle);
    mod_of(timed)->hard_timeout = htons(timeouts.hard);
    return timed;
}

std::vector<Learned> learned_by(std::string_view flow_mod) {
    std::vector<Learned> learned;
    DecodedFlow decoded(flow_mod, nullptr);
    if (!decoded.error) {
        const ofpact* action;
        OFPACT_FOR_EACH_FLATTENED (action, decoded.mod.ofpacts, decoded.mod.ofpacts_len) {
            if (action->type == OFPACT_LEARN && ofpact_get_LEARN(action)->flags & NX_LEARN_F_DELETE_LEARNED) {
                learned.push_back({ofpact_get_LEARN(action)->table_id, ofpact_get_LEARN(action)->cookie});
            }
        }
    }
    return learned;
}

Learned origin_of(std::string_view flow_mod) {
    return {mod_of(flow_mod)->table_id, mod_of(flow_mod)->cookie};
}

// By their bytes: NX_VENDOR_ID, and the action's number (ofp-actions.c). To decode all flows takes twenty times as long.
bool learns(std::string_view flow_mod) {
    using namespace std::string_view_literals;   // NXAST_LEARN, NXAST_LEARN2
    return flow_mod.find("\0\0\x23\x20\0\x10"sv) != flow_mod.npos || flow_mod.find("\0\0\x23\x20\0\x2d"sv) != flow_mod.npos;
}

bool shortens_timeouts(std::string_view flow_mod) {
    using namespace std::string_view_literals;   // NXAST_FIN_TIMEOUT
    return flow_mod.find("\0\0\x23\x20\0\x13"sv) != flow_mod.npos;
}

bool names_helper(std::string_view flow_mod) {
    using namespace std::string_view_literals;   // NXAST_CT; the two bytes of its last field are the helper's port
    constexpr auto ct = "\0\0\x23\x20\0\x23"sv;
    constexpr size_t port_offset = 18;
    for (size_t at = flow_mod.find(ct); at < flow_mod.size() - std::min(flow_mod.size(), port_offset + 1); at = flow_mod.find(ct, at + 1)) {
        if (flow_mod.substr(at + port_offset, 2) != "\0\0"sv) {
            return true;
        }
    }
    return false;
}

Message flow_removal(std::string_view flow_mod) {
    ofp11_flow_mod body = plain_add();
    body.command = OFPFC_DELETE_STRICT;
    body.table_id = mod_of(flow_mod)->table_id;
    body.priority = mod_of(flow_mod)->priority;
    return to_message(make_flow_mod(body, match_at(flow_mod.substr(match_offset)), {}));
}

std::string describe_flow(std::string_view flow_mod) {
    DecodedFlow decoded(flow_mod, nullptr);
    if (decoded.error) {
        return to_text(flow_mod);
    }
    ofputil_flow_stats flow{};
    minimatch_expand(&decoded.mod.match, &flow.match);
    flow.cookie = decoded.mod.new_cookie;
    flow.table_id = decoded.mod.table_id;
    flow.priority = decoded.mod.priority;
    flow.idle_timeout = decoded.mod.idle_timeout;
    flow.hard_timeout = decoded.mod.hard_timeout;
    flow.idle_age = flow.hard_age = -1;
    flow.ofpacts = decoded.mod.ofpacts;
    flow.ofpacts_len = decoded.mod.ofpacts_len;
    flow.flags = decoded.mod.flags;
    flow.importance = decoded.mod.importance;
    Text text;
    ofputil_flow_stats_format(text.get(), &flow, nullptr, nullptr, false);
    return text.one_line();
}

Message flow_monitor_request() {
    ofputil_flow_monitor_request request{};
    request.id = 1;
    request.command = OFPFMC_ADD;
    request.flags = static_cast<ofp14_flow_monitor_flags>(OFPFMF_ADD | OFPFMF_REMOVED | OFPFMF_MODIFY);
    request.out_port = OFPP_ANY;
    request.out_group = OFPG_ANY;
    request.table_id = OFPTT_ALL;
    match_init_catchall(&request.match);
    ofpbuf* message = ofpbuf_new(64);
    ofputil_append_flow_monitor_request(&request, message, OFPUTIL_P_OF15_OXM);
    return to_message(message);
}

bool is_flow_update(std::span<const uint8_t> message) {
    ofptype type;
    return !ofptype_decode(&type, reinterpret_cast<const ofp_header*>(message.data())) &&
           type == OFPTYPE_FLOW_MONITOR_STATS_REPLY;
}

}  // namespace hitless::openflow

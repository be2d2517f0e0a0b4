#include "base/openvswitch.h"

#include "openflow/generation.h"

#include "openflow/buffers.h"

namespace hitless::openflow {

namespace {

Message role_request(uint32_t role, uint64_t generation) {
    ofpbuf* request = ofpraw_alloc(OFPRAW_OFPT12_ROLE_REQUEST, OFP15_VERSION, 0);
    ofp12_role_request body{};
    body.role = htonl(role);
    body.generation_id = htonll(generation);
    ofpbuf_put(request, &body, sizeof body);
    return to_message(request);
}

}  // namespace

Result<std::optional<uint64_t>> read_generation(Connection& connection) {
    auto replies = TRY(connection.request(role_request(OFPCR12_ROLE_NOCHANGE, 0)));
    ofputil_role_request reply;
    if (ofperr error = ofputil_decode_role_message(reinterpret_cast<const ofp_header*>(replies.front().data()), &reply); error) {
        return make_error("bridge {}: role: unreadable answer: {}", connection.name(), ofperr_get_name(error));
    }
    return reply.have_generation_id && reply.generation_id != UINT64_MAX ? std::optional(reply.generation_id) : std::nullopt;
}

Status set_generation(Connection& connection, uint64_t id) {
    TRY(connection.request(role_request(OFPCR12_ROLE_SECONDARY, id)));
    return {};
}

}  // namespace hitless::openflow

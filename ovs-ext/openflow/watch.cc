#include "base/openvswitch.h"

#include "openflow/watch.h"

#include "openflow/buffers.h"
#include "openflow/flow_table.h"

namespace hitless::openflow {

namespace {

// Asynchronous messages of which we want none but forwarded requests with a reason in 'requests' (bits 1 << OFPRFR_*).
Message asynchronous_config(uint32_t requests) {
    ofpbuf* message = ofpraw_alloc(OFPRAW_OFPT14_SET_ASYNC, OFP15_VERSION, 0);
    auto put = [&](uint16_t property, uint32_t reasons) {
        uint16_t head[2] = {htons(property), htons(8)};
        uint32_t mask = htonl(reasons);
        ofpbuf_put(message, head, sizeof head);
        ofpbuf_put(message, &mask, sizeof mask);
    };
    // Types 0 to 11 of OpenFlow 1.5.1 section 7.3.10: packet-in, port status, flow removed, role status, table status, request
    // forward, each for a slave (even) and for a master or equal (odd).
    for (uint16_t property = 0; property < 12; ++property) {
        put(property, property >= 10 ? requests : 0);
    }
    return to_message(message);
}

}  // namespace

Result<Connection> watch_flows(const std::string& path, const std::string& bridge, Connection::EventHandler handler) {
    Connection connection = TRY(Connection::open(path, bridge));
    TRY(connection.send(std::vector<Message>{asynchronous_config(0)}));
    connection.on_event(std::move(handler));
    TRY(connection.request(flow_monitor_request()));
    return connection;
}

Status tell_of_flows(Connection& watch) {
    return watch.send_bundle({});   // changes nothing, but what a bundle has changed is told of before it is answered
}

Result<Connection> watch_requests(const std::string& path, const std::string& bridge, Forwarded forwarded,
                                  Connection::EventHandler handler) {
    Connection connection = TRY(Connection::open(path, bridge));
    uint32_t reason = forwarded == Forwarded::GroupMods ? 1u << OFPRFR_GROUP_MOD : 1u << OFPRFR_METER_MOD;
    TRY(connection.send(std::vector<Message>{asynchronous_config(reason)}));
    connection.on_event(std::move(handler));
    return connection;
}

bool is_forwarded_request(std::span<const uint8_t> message) {
    ofptype type;
    return !ofptype_decode(&type, reinterpret_cast<const ofp_header*>(message.data())) &&
           type == OFPTYPE_REQUESTFORWARD;
}

}  // namespace hitless::openflow

#include "base/openvswitch.h"

#include "openflow/continuation.h"

#include <chrono>
#include <thread>

#include "openflow/buffers.h"

namespace hitless::openflow {

namespace {

using namespace std::chrono_literals;

// Messages for which the library has no public names.
constexpr uint8_t experimenter_type = 4, set_config_type = 9;
constexpr uint32_t nicira = 0x2320;
constexpr uint32_t packet_in2_subtype = 30, resume_subtype = 28;
constexpr size_t header_bytes = 16;          // of an extension: OpenFlow's own, vendor, subtype
constexpr size_t property_header_bytes = 4;  // type, length without padding
// Private to the switch (lib/ofp-packet.c), but the same from 2.17 to 3.7.
constexpr uint16_t bridge_property = 0x8000;

// Of our own probe: no controller of the operator's has this id.
constexpr uint16_t probe_controller = 0xfe17;
constexpr auto probe_limit = 2s;

uint16_t read16(std::span<const uint8_t> bytes, size_t at) { return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]); }

uint32_t read32(std::span<const uint8_t> bytes, size_t at) {
    return static_cast<uint32_t>(read16(bytes, at)) << 16 | read16(bytes, at + 2);
}

// Where, in 'bytes', the content of the first property of 'type' is, between 'begin' and 'end'; nothing where there is none, or where they
// are malformed.
struct Extent {
    size_t begin, end;
};
std::optional<Extent> find_property(std::span<const uint8_t> bytes, Extent in, uint16_t type) {
    for (size_t at = in.begin; at + property_header_bytes <= in.end;) {
        size_t length = read16(bytes, at + 2);
        if (length < property_header_bytes || length > in.end - at) {
            return std::nullopt;
        }
        if (read16(bytes, at) == type) {
            return Extent{at + property_header_bytes, at + length};
        }
        at += ROUND_UP(length, 8);
    }
    return std::nullopt;
}

// Where the bridge's UUID begins in 'message'.
Result<size_t> find_bridge(std::span<const uint8_t> message) {
    if (message.size() < header_bytes || read16(message, 2) != message.size() || message[1] != experimenter_type ||
        read32(message, 8) != nicira ||
        (read32(message, 12) != packet_in2_subtype && read32(message, 12) != resume_subtype)) {
        return make_error("continuation: this is no whole message NXT_PACKET_IN2 or NXT_RESUME");
    }
    auto continuation = find_property(message, {header_bytes, message.size()}, NXPINT_CONTINUATION);
    if (!continuation) {
        return make_error("continuation: the message has none: the packet is not paused (controller(pause))");
    }
    // Nested properties begin at a multiple of 8 bytes.
    auto bridge = find_property(message, {continuation->begin + 4, continuation->end}, bridge_property);
    if (!bridge || bridge->end - bridge->begin != sizeof(BridgeUuid)) {
        return make_error("continuation: it names no bridge in the way of Open vSwitch 2.17 to 3.7");
    }
    return bridge->begin;
}

Message extension(uint32_t subtype, std::span<const uint8_t> body) {
    const uint8_t header[header_bytes] = {OFP15_VERSION, experimenter_type, 0, static_cast<uint8_t>(header_bytes + body.size()), 0, 0, 0, 0,
                                          0, 0, nicira >> 8, nicira & 0xff, 0, 0, 0, static_cast<uint8_t>(subtype)};
    Message message(header_bytes + body.size());
    std::ranges::copy(header, message.begin());
    std::ranges::copy(body, message.begin() + header_bytes);
    return message;
}

}  // namespace

Result<BridgeUuid> bridge_of_continuation(std::span<const uint8_t> message) {
    size_t at = TRY(find_bridge(message));
    BridgeUuid uuid;
    std::copy_n(message.begin() + static_cast<std::ptrdiff_t>(at), uuid.size(), uuid.begin());
    return uuid;
}

Result<Message> make_resume(std::span<const uint8_t> message, const BridgeUuid& uuid) {
    size_t at = TRY(find_bridge(message));
    Message resume(message.begin(), message.end());
    std::copy(uuid.begin(), uuid.end(), resume.begin() + static_cast<std::ptrdiff_t>(at));
    uint32_t subtype = htonl(resume_subtype);
    std::memcpy(resume.data() + 12, &subtype, sizeof subtype);
    return resume;
}

Result<BridgeUuid> read_bridge_uuid(const std::string& path, const std::string& bridge) {
    Connection connection = TRY(Connection::open(path, bridge));
    std::optional<BridgeUuid> uuid;
    connection.on_event([&](std::span<const uint8_t> message) {
        if (auto found = bridge_of_continuation(message)) {
            uuid = *found;
        }
    });
    constexpr uint8_t controller_id[8] = {0, 0, 0, 0, 0, 0, probe_controller >> 8, probe_controller & 0xff};
    constexpr uint8_t format[4] = {0, 0, 0, 2};   // NXT_PACKET_IN2
    // Packets go to a connection at a management socket only when it has asked for some of their bytes.
    const Message config = {OFP15_VERSION, set_config_type, 0, 12, 0, 0, 0, 0, 0, 0, 0, 64};
    TRY(connection.send(std::vector<Message>{config, extension(20, controller_id), extension(16, format)}));
    PacketOut probe{0xfffffffe, std::vector<uint8_t>(60), fmt::format("controller(pause,id={},max_len=64)", probe_controller)};
    TRY(connection.packet_outs(std::span(&probe, 1)));
    auto limit = std::chrono::steady_clock::now() + probe_limit;
    for (;;) {
        TRY(connection.send({}));
        if (uuid) {
            return *uuid;
        }
        if (std::chrono::steady_clock::now() >= limit) {
            return make_error("bridge {}: it does not say by which UUID it takes continuations", bridge);
        }
        std::this_thread::sleep_for(5ms);
    }
}

Status resume(const std::string& path, const std::string& bridge, std::span<const uint8_t> message) {
    TRY(find_bridge(message));
    Message resume = TRY(make_resume(message, TRY(read_bridge_uuid(path, bridge))));
    Connection connection = TRY(Connection::open(path, bridge, 10s, static_cast<Version>(message[0])));
    return connection.send(std::span(&resume, 1));
}

}  // namespace hitless::openflow

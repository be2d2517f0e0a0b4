// Any bytes may come as a switch's answers in an OpenFlow session: refused, or in a form that can be written, shown and read again.
//
// The first byte says what is asked; messages follow, as they come on the wire, but that they are made answers: to the version and the
// transaction of the request, and with the length that they have. When there are no more, the switch answers with nothing.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include "control/unix_socket.h"
#include "openflow/flow_ages.h"
#include "openflow/flow_table.h"
#include "openflow/fragments.h"
#include "openflow/generation.h"
#include "openflow/group_table.h"
#include "openflow/meter_table.h"
#include "openflow/port_config.h"
#include "openflow/statistics.h"
#include "openflow/table_config.h"
#include "openflow/tlv_table.h"

namespace {

using namespace hitless;
using namespace hitless::openflow;

struct Header {   // OpenFlow 1.5.1 section 7.1
    uint8_t version, type;
    uint16_t length;
    uint32_t xid;
};
enum : uint8_t { hello = 0, echo_request = 2, experimenter = 4, config_request = 7, role_request = 24 };

// As a session gives them to who waits for events.
bool is_whole(std::span<const uint8_t> message) {
    return message.size() >= sizeof(Header) && message.size() == static_cast<size_t>(message[2] << 8 | message[3]);
}

// A request of which the answer may have many parts.
bool is_multipart(const Header& asked) { return asked.type == (asked.version == 1 ? 16 : 18); }
bool is_barrier(const Header& asked) { return asked.type == (asked.version == 1 ? 18 : 20); }

// What a switch answers that has nothing of what is asked for.
std::string nothing(const Header& asked, std::string request) {
    bool extension = request.size() > 9 && request[8] == '\xff' && request[9] == '\xff';
    if (is_multipart(asked)) {
        request.resize(asked.version != 1 ? 16 : extension ? 24 : 12);
    } else if (asked.type == experimenter) {   // NXT_TLV_TABLE_REQUEST
        request.resize(32);
        request[15]++;
    }
    return request;
}

// The management socket of a bridge.
class Bridge {
  public:
    Bridge() {
        if (!::mkdtemp(directory_)) {
            std::abort();
        }
        auto listener = control::listen_unix(path());
        if (!listener) {
            std::abort();
        }
        listener_ = std::move(*listener);
        std::thread([this] { serve(); }).detach();   // with the process
        std::atexit([] { Bridge::the().remove(); });
    }
    static Bridge& the() {
        static auto* const bridge = new Bridge;
        return *bridge;
    }
    std::string path() const { return std::string(directory_) + "/s"; }

    void answer_with(std::string messages) {
        std::lock_guard lock(mutex_);
        answers_ = std::move(messages);
    }

  private:
    void remove() const {
        ::unlink(path().c_str());
        ::rmdir(directory_);
    }

    void serve() {
        for (;;) {
            pollfd ready = {listener_.get(), POLLIN, 0};
            (void) ::poll(&ready, 1, -1);
            Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            std::string request;
            char buffer[4096];
            for (ssize_t n = 0; (n = ::recv(client.get(), buffer, sizeof buffer, 0)) > 0;) {
                request.append(buffer, static_cast<size_t>(n));
                Header header;
                while (request.size() >= sizeof header) {
                    std::memcpy(&header, request.data(), sizeof header);
                    size_t length = std::max<size_t>(ntohs(header.length), sizeof header);
                    if (request.size() < length) {
                        break;
                    }
                    auto reply = answer(header, request.substr(0, length));
                    ::send(client.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
                    request.erase(0, length);
                }
            }
        }
    }

    // All parts of it.
    std::string answer(const Header& asked, const std::string& request) {
        if (asked.type == hello) {
            return as_answer(std::string(sizeof asked, '\0'), asked, hello);
        }
        std::lock_guard lock(mutex_);
        std::string reply;
        for (std::string part = is_barrier(asked) ? "" : next(); !part.empty(); part = next()) {
            bool more = is_multipart(asked) && part.size() > 11 && (part[11] & 1);
            auto type = static_cast<uint8_t>(part[1]);
            reply += as_answer(part, asked, type == echo_request ? hello : type);   // which nobody would take for an answer
            if (!more) {
                return reply;
            }
        }
        bool plain = is_multipart(asked) || is_barrier(asked) || asked.type == config_request || asked.type == role_request;
        return reply + as_answer(nothing(asked, request), asked, static_cast<uint8_t>(asked.type + plain));
    }

    // With the lock held. The next message; empty: there are no more.
    std::string next() {
        Header header;
        if (answers_.size() < sizeof header) {
            return {};
        }
        std::memcpy(&header, answers_.data(), sizeof header);
        auto message = answers_.substr(0, std::max<size_t>(ntohs(header.length), sizeof header));
        answers_.erase(0, message.size());
        return message;
    }

    static std::string as_answer(std::string message, const Header& asked, uint8_t type) {
        Header header{asked.version, type, htons(static_cast<uint16_t>(message.size())), asked.xid};
        std::memcpy(message.data(), &header, sizeof header);
        return message;
    }

    char directory_[32] = "/tmp/hitless-fuzz.XXXXXX";
    Fd listener_;
    std::mutex mutex_;
    std::string answers_;
};

void read_flows(Connection& connection) {
    auto reader = FlowReader::open(connection);
    auto flows = reader ? reader->read_all(connection) : Result<std::vector<Flow>>(reader.error());
    if (!flows) {
        return;
    }
    for (const Flow& flow : *flows) {
        if (flow_key(flow.flow_mod) != flow.key) {
            std::abort();
        }
        std::vector<Message> adds;
        append_flow_add(flow.flow_mod, true, adds);
        (void) flow_removal(with_timeouts(flow.flow_mod, timeouts_of(flow.flow_mod)));
        (void) describe_flow(flow.flow_mod);
        (void) learned_by(flow.flow_mod);
        (void) names_helper(flow.flow_mod);
        (void) reader->tlv_fields(flow.flow_mod);
        (void) age_key(flow.flow_mod);
    }
}

void read_groups_and_meters(Connection& connection) {
    std::vector<Message> messages;
    if (auto groups = read_groups(connection)) {
        for (const Group& group : *groups) {
            append_group_changes({group.group_mod}, {group.group_mod}, messages);
            (void) group_removal(group.group_mod);
            (void) describe_group(group.group_mod);
        }
    }
    if (auto meters = read_meters(connection)) {
        for (const Meter& meter : *meters) {
            (void) meter_change(meter.meter_mod, MeterCommand::Modify);
            (void) describe_meter(meter.meter_mod);
        }
    }
}

void read_settings(Connection& connection) {
    (void) read_generation(connection).ok();
    if (auto handling = read_fragment_handling(connection)) {
        (void) set_fragment_handling(*handling);
        (void) describe_fragment_handling(*handling);
    }
    if (auto tables = read_table_configs(connection)) {
        for (const auto& table : *tables) {
            (void) table_mod(table);
        }
    }
    if (auto fields = read_tlv_table(connection)) {
        (void) tlv_table_mod(TlvCommand::Add, *fields);
    }
}

void read_ports(Connection& connection, Version version) {
    if (auto ports = read_port_configs(connection, version)) {
        for (const auto& port : *ports) {
            (void) port_mod(port, port.config, version);
            (void) port_config_words(port.config);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (!size) {
        return 0;
    }
    enum { flows, ages, groups, settings, ports, old_ports, counters, updates, kinds };
    const int what = data[0] % kinds;
    const std::span messages(data + 1, size - 1);
    Bridge& bridge = Bridge::the();
    bridge.answer_with(what == updates ? "" : std::string(messages.begin(), messages.end()));
    if (what == ages) {
        (void) read_hard_ages(bridge.path(), "br0").ok();
        return 0;
    }
    auto version = what == old_ports ? Version::openflow10 : Version::openflow15;
    auto connection = Connection::open(bridge.path(), "br0", std::chrono::seconds(10), version);
    if (!connection) {
        return 0;
    }
    switch (what) {
    case flows:
        read_flows(*connection);
        break;
    case groups:
        read_groups_and_meters(*connection);
        break;
    case settings:
        read_settings(*connection);
        break;
    case ports:
    case old_ports:
        read_ports(*connection, version);
        break;
    case counters:
        (void) read_flow_totals(*connection).ok();
        (void) print_statistics(*connection, [](std::string_view) { return Status(); }).ok();
        break;
    default:
        if (auto reader = FlowReader::open(*connection); reader && is_whole(messages) && is_flow_update(messages)) {
            (void) reader->events(messages).ok();
        }
    }
    return 0;
}

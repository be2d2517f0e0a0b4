#include "base/openvswitch.h"

#include "openflow/connection.h"

#include <thread>
#include <unordered_map>

#include "openflow/buffers.h"

namespace hitless::openflow {

namespace {

struct CloseVconn {
    void operator()(vconn* connection) const { vconn_close(connection); }
};

const ofp_header* header_of(const ofpbuf* message) {
    return static_cast<const ofp_header*>(message->data);
}

uint32_t xid_of(const ofpbuf* message) {
    return ntohl(header_of(message)->xid);
}

ofptype type_of(const ofpbuf* message) {
    ofptype type;
    return ofptype_decode(&type, header_of(message)) ? static_cast<ofptype>(-1) : type;
}

// The library's decoders end the program where a message is not of the kind that they are for. In its list of kinds an answer comes right
// after its request.
bool answers(const ofpbuf* message, const Message& request) {
    ofptype asked;
    return !ofptype_decode(&asked, reinterpret_cast<const ofp_header*>(request.data())) && type_of(message) == asked + 1;
}

Buffer to_buffer(const Message& message, uint32_t xid) {
    Buffer buffer(ofpbuf_clone_data(message.data(), message.size()));
    static_cast<ofp_header*>(buffer->data)->xid = htonl(xid);
    return buffer;
}

}  // namespace

// The I/O proper: one loop writes as much as the switch takes and reads all that it says, so that neither side waits for the
// other with full buffers. (The switch stops reading when about 100 of its answers are not yet read: OFCONN_REPLY_MAX in
// ofproto/connmgr.c.)
struct Connection::Session {
    std::unique_ptr<vconn, CloseVconn> connection;
    std::string name;
    std::chrono::milliseconds limit{};
    ofp_version version{};
    uint32_t last_xid = 0;
    bool usable = true, gives_time = false;
    EventHandler event;
    std::chrono::microseconds longest_request{};

    // Sends the 'n' messages that produce(0...n - 1) makes, each asked for when there is room for it (null: not before the next
    // message has been received), and gives received ones to consume() until that returns true for "was the last".
    template <typename Produce, typename Consume>
    Status transfer(size_t n, Produce produce, Consume consume);

    // The same, followed by a barrier; 'first_xid' is that of the first of the messages, in order. refused(i, error) is
    // called for every message that the switch answers with an error.
    template <typename Produce>
    Status transfer_and_barrier(size_t n, uint32_t first_xid, Produce produce,
                                const std::function<void(uint32_t index, ofpbuf* error)>& refused);

    Status broken(int error_number);
    Error refusal(const ofpbuf* error, std::string_view message) const;
    uint32_t reserve_xids(size_t n);
    Status control_bundle(ofputil_bundle_ctrl_msg bundle, uint16_t type,
                          const std::function<void(uint32_t xid, ofpbuf* error)>& refused);
};

Status Connection::Session::broken(int error_number) {
    usable = false;
    if (error_number == EOF) {
        return make_error("bridge {}: the switch closed the OpenFlow connection", name);
    }
    if (error_number == ETIMEDOUT) {
        return make_error("bridge {}: the switch has not answered on its OpenFlow connection for {} ms", name,
                          limit.count());
    }
    return make_errno_error(error_number, "bridge {}: OpenFlow connection", name);
}

Error Connection::Session::refusal(const ofpbuf* error, std::string_view message) const {
    return make_error("bridge {}: {}: refused by the switch: {}", name,
                      ofperr_get_name(ofperr_decode_msg(header_of(error), nullptr)), to_text(message));
}

// Transaction ids are consecutive, so that an answer leads to its request. 0 is what unasked-for messages have.
uint32_t Connection::Session::reserve_xids(size_t n) {
    if (n >= UINT32_MAX - last_xid) {
        last_xid = 0;
    }
    uint32_t first = last_xid + 1;
    last_xid += n;
    return first;
}

template <typename Produce, typename Consume>
Status Connection::Session::transfer(size_t n, Produce produce, Consume consume) {
    if (!usable) {
        return make_error("bridge {}: the OpenFlow connection has broken", name);
    }
    size_t sent = 0;
    bool done = false;
    Buffer outgoing;
    long long deadline = time_msec() + limit.count();
    for (;;) {
        bool progress = false;
        vconn_run(connection.get());
        while (outgoing || sent < n) {
            if (!outgoing) {
                outgoing = produce(sent);
                if (!outgoing) {
                    break;
                }
                ++sent;
            }
            int error = vconn_send(connection.get(), outgoing.get());
            if (error == EAGAIN) {
                break;
            }
            if (error) {
                return broken(error);
            }
            (void) outgoing.release();
            progress = true;
        }
        while (!done) {
            ofpbuf* received;
            int error = vconn_recv(connection.get(), &received);
            if (error == EAGAIN) {
                break;
            }
            if (error) {
                return broken(error);
            }
            progress = true;
            Buffer message(received);
            if (type_of(received) == OFPTYPE_ECHO_REQUEST) {
                Buffer reply(ofputil_encode_echo_reply(header_of(received)));
                if (!vconn_send(connection.get(), reply.get())) {   // full: the switch is hearing from us anyway
                    (void) reply.release();
                }
            } else {
                done = consume(std::move(message));
            }
            if (!outgoing && sent < n) {
                break;   // the next may be due
            }
        }
        if (done && !outgoing && sent == n) {
            return {};
        }
        if (progress) {
            deadline = time_msec() + limit.count();
            continue;
        }
        if (time_msec() >= deadline) {
            return broken(ETIMEDOUT);
        }
        vconn_run_wait(connection.get());
        vconn_recv_wait(connection.get());
        if (outgoing) {
            vconn_send_wait(connection.get());
        }
        poll_timer_wait_until(deadline);
        poll_block();
    }
}

template <typename Produce>
Status Connection::Session::transfer_and_barrier(
    size_t n, uint32_t first_xid, Produce produce,
    const std::function<void(uint32_t index, ofpbuf* error)>& refused) {
    uint32_t barrier_xid = reserve_xids(1);
    return transfer(
        n + 1,
        [&](size_t i) {
            if (i < n) {
                return Buffer(produce(i));
            }
            Buffer barrier(ofputil_encode_barrier_request(version));
            static_cast<ofp_header*>(barrier->data)->xid = htonl(barrier_xid);
            return barrier;
        },
        [&](Buffer message) {
            uint32_t xid = xid_of(message.get());
            if (xid == barrier_xid) {
                return true;
            }
            if (type_of(message.get()) == OFPTYPE_ERROR) {
                if (xid - first_xid < n) {
                    refused(xid - first_xid, message.get());
                }
            } else if (event) {
                event({static_cast<const uint8_t*>(message->data), message->size});
            }
            return false;
        });
}

Connection::Connection(std::unique_ptr<Session> session) : session_(std::move(session)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<Connection> Connection::open(const std::string& path, const std::string& name,
                                    std::chrono::milliseconds limit, Version version) {
    fatal_ignore_sigpipe();   // the library writes to sockets that the peer may have closed
    vconn* opened = nullptr;
    int error = vconn_open_block(("unix:" + path).c_str(), 1u << static_cast<int>(version), DSCP_DEFAULT, limit.count(), &opened);
    if (error == EOF) {
        return make_error("bridge {}: {}: the switch closed the OpenFlow connection at once: does the bridge allow "
                          "OpenFlow 1.{}?", name, path, static_cast<int>(version) - 1);
    }
    if (error) {
        return make_errno_error(error, "bridge {}: cannot open an OpenFlow connection to {}", name, path);
    }
    auto session = std::make_unique<Session>();
    session->connection.reset(opened);
    session->name = name;
    session->limit = limit;
    session->version = static_cast<ofp_version>(version);
    return Connection(std::move(session));
}

std::chrono::microseconds Connection::take_longest_request() { return std::exchange(session_->longest_request, {}); }

void Connection::give_time(bool give) { session_->gives_time = give; }

const std::string& Connection::name() const {
    return session_->name;
}

bool Connection::usable() const {
    return session_->usable;
}

void Connection::on_event(EventHandler handler) {
    session_->event = std::move(handler);
}

Status Connection::send(std::span<const Message> messages) {
    std::optional<Error> first;
    uint32_t first_xid = session_->reserve_xids(messages.size());
    TRY(session_->transfer_and_barrier(
        messages.size(), first_xid, [&](size_t i) { return to_buffer(messages[i], first_xid + i); },
        [&](uint32_t index, ofpbuf* error) {
            if (!first) {
                first = session_->refusal(error, to_view(messages[index]));
            }
        }));
    return first ? Status(*first) : Status();
}

// Opens, commits or discards (OFPBCT_*_REQUEST).
Status Connection::Session::control_bundle(ofputil_bundle_ctrl_msg bundle, uint16_t type,
                                           const std::function<void(uint32_t xid, ofpbuf* error)>& refused) {
    bundle.type = type;
    uint32_t xid = reserve_xids(1);
    std::optional<Error> error;
    TRY(transfer(
        1,
        [&](size_t) {
            Buffer message(ofputil_encode_bundle_ctrl_request(OFP15_VERSION, &bundle));
            ofpmsg_update_length(message.get());
            static_cast<ofp_header*>(message->data)->xid = htonl(xid);
            return message;
        },
        [&](Buffer message) {
            bool answer = xid_of(message.get()) == xid;
            if (type_of(message.get()) == OFPTYPE_ERROR) {
                if (answer) {
                    error = refusal(message.get(), to_view({static_cast<const uint8_t*>(message->data), message->size}));
                } else {
                    refused(xid_of(message.get()), message.get());
                }
            } else if (!answer && event) {
                event({static_cast<const uint8_t*>(message->data), message->size});
            }
            return answer;
        }));
    return error ? Status(*error) : Status();
}

Status Connection::send_bundle(std::span<const Message> messages) {
    ofputil_bundle_ctrl_msg bundle{};
    bundle.flags = OFPBF_ORDERED | OFPBF_ATOMIC;
    uint32_t first_xid = session_->reserve_xids(messages.size());
    std::optional<Error> first;
    auto refused = [&](uint32_t xid, ofpbuf* error) {
        if (!first && xid - first_xid < messages.size()) {
            first = session_->refusal(error, to_view(messages[xid - first_xid]));
        }
    };
    TRY(session_->control_bundle(bundle, OFPBCT_OPEN_REQUEST, refused));
    // A message that is refused here is left out of the bundle, which would be committed without it: hence the barrier.
    TRY(session_->transfer_and_barrier(
        messages.size(), first_xid,
        [&](size_t i) {
            Buffer message = to_buffer(messages[i], first_xid + i);
            ofputil_bundle_add_msg add{};
            add.bundle_id = bundle.bundle_id;
            add.flags = bundle.flags;
            add.msg = header_of(message.get());
            return Buffer(ofputil_encode_bundle_add(OFP15_VERSION, &add));   // takes over the message's transaction id
        },
        [&](uint32_t index, ofpbuf* error) { refused(first_xid + index, error); }));
    if (first) {
        (void) session_->control_bundle(bundle, OFPBCT_DISCARD_REQUEST, refused);
        return *first;
    }
    Status committed = session_->control_bundle(bundle, OFPBCT_COMMIT_REQUEST, refused);
    return first ? Status(*first) : committed;   // the first names the message, the commit's own error does not
}

Result<std::vector<Message>> Connection::request(const Message& request) {
    std::vector<Message> parts;
    TRY(requests({&request, 1}, 1, [&](size_t, std::span<const uint8_t> part) -> Status {
        parts.emplace_back(part.begin(), part.end());
        return {};
    }));
    return parts;
}

Status Connection::requests(std::span<const Message> requests, size_t at_once, const Take& take) {
    if (requests.empty()) {
        return {};
    }
    uint32_t first_xid = session_->reserve_xids(requests.size());
    size_t answered = 0;
    std::optional<Error> first;
    auto fail = [&first](const Error& error) {
        if (!first) {
            first = error;
        }
    };
    const bool one_by_one = session_->gives_time && at_once != all_at_once;
    at_once = one_by_one ? 1 : at_once;
    auto asked = std::chrono::steady_clock::now();
    auto spoke = asked;
    TRY(session_->transfer(
        requests.size(), [&](size_t i) { return i - answered < at_once ? to_buffer(requests[i], first_xid + i) : Buffer(); },
        [&](Buffer message) {
            size_t before = answered;
            auto silent = std::chrono::steady_clock::now() - spoke;
            session_->longest_request = std::max(session_->longest_request,
                                                 std::chrono::duration_cast<std::chrono::microseconds>(silent));
            uint32_t index = xid_of(message.get()) - first_xid;
            bool refused = type_of(message.get()) == OFPTYPE_ERROR;
            std::span<const uint8_t> part(static_cast<const uint8_t*>(message->data), message->size);
            if (index >= requests.size()) {
                if (session_->event && !refused) {
                    session_->event(part);
                }
            } else if (refused) {
                fail(session_->refusal(message.get(), to_view(requests[index])));
                ++answered;
            } else if (!answers(message.get(), requests[index])) {
                fail(make_error("bridge {}: the switch answers '{}' to '{}'", session_->name, to_text(to_view(part)).substr(0, 200),
                                to_text(to_view(requests[index])).substr(0, 200)));
                ++answered;
            } else {
                if (Status taken = first ? Status() : take(index, part); !taken) {
                    fail(taken.error());
                }
                bool more = ofpmsg_is_stat_reply(header_of(message.get())) && ofpmp_more(header_of(message.get()));
                answered += more ? 0 : 1;
            }
            if (session_->gives_time && answered > before && (one_by_one || answered == requests.size())) {
                std::this_thread::sleep_for(std::chrono::steady_clock::now() - asked);
                asked = std::chrono::steady_clock::now();
            }
            spoke = std::chrono::steady_clock::now();   // what was done with it here is not the switch's time
            return answered == requests.size();
        }));
    return first ? Status(*first) : Status();
}

Status Connection::packet_outs(std::span<const PacketOut> packets) {
    // Few different action lists are used for very many packets: each is parsed once.
    std::unordered_map<std::string, Buffer> parsed;
    for (const PacketOut& packet : packets) {
        auto [at, fresh] = parsed.try_emplace(packet.actions);
        if (!fresh) {
            continue;
        }
        at->second.reset(ofpbuf_new(64));
        ofputil_protocol usable;
        ofpact_parse_params params{};
        params.ofpacts = at->second.get();
        params.usable_protocols = &usable;
        if (MallocString error{ofpacts_parse_actions(packet.actions.c_str(), &params)}; error) {
            return make_error("bridge {}: actions '{}': {}", session_->name, packet.actions, error.get());
        }
    }
    auto encode = [&](size_t i, uint32_t xid) {
        const PacketOut& packet = packets[i];
        const Buffer& actions = parsed.find(packet.actions)->second;
        ofputil_packet_out out{};
        out.packet = packet.packet.data();
        out.packet_len = packet.packet.size();
        out.buffer_id = UINT32_MAX;
        match_init_catchall(&out.flow_metadata);
        ofp_port_t port = 0;
        (void) ofputil_port_from_ofp11(htonl(packet.in_port), &port);
        match_set_in_port(&out.flow_metadata, port);
        out.ofpacts = static_cast<ofpact*>(actions->data);
        out.ofpacts_len = actions->size;
        Buffer message(ofputil_encode_packet_out(&out, OFPUTIL_P_OF15_OXM));
        ofpmsg_update_length(message.get());
        static_cast<ofp_header*>(message->data)->xid = htonl(xid);
        return message;
    };
    std::optional<Error> first;
    uint32_t first_xid = session_->reserve_xids(packets.size());
    TRY(session_->transfer_and_barrier(
        packets.size(), first_xid, [&](size_t i) { return encode(i, first_xid + i); },
        [&](uint32_t index, ofpbuf* error) {
            if (!first) {
                Buffer message = encode(index, first_xid + index);
                first = session_->refusal(
                    error, to_view({static_cast<const uint8_t*>(message->data), message->size}));
            }
        }));
    return first ? Status(*first) : Status();
}

}  // namespace hitless::openflow

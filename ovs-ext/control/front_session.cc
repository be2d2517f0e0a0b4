#include "control/front_session.h"

#include "base/openvswitch.h"

#include <poll.h>
#include <sys/socket.h>

extern "C" {
#include "stream-fd.h"
}

#include "control/routing.h"

namespace hitless::control {
namespace {

using Clock = std::chrono::steady_clock;

Rpc open_rpc(Fd socket, const std::string& name) {
    struct stream* stream;
    new_fd_stream(xstrdup(name.c_str()), socket.release(), 0, AF_UNIX, &stream);
    return Rpc(jsonrpc_open(stream));
}

// The text of a successful answer; null when it was not one.
const char* text_of(const jsonrpc_msg* reply) {
    return reply && reply->type == JSONRPC_REPLY && reply->result && reply->result->type == JSON_STRING
               ? json_string(reply->result)
               : nullptr;
}

std::string describe(bool of_daemon) {
    return of_daemon ? "hitless daemon" : "active instance of the switch";
}

}  // namespace

void RpcClose::operator()(jsonrpc* rpc) const {
    jsonrpc_close(rpc);
}

void MessageDestroy::operator()(jsonrpc_msg* message) const {
    jsonrpc_msg_destroy(message);
}

Front::Session::Session(Fd client, std::string own_path, std::atomic<uint64_t>& passed)
    : fd_(client.get()), own_path_(std::move(own_path)), passed_(passed), client_(open_rpc(std::move(client), "unix")) {}

Front::Session::~Session() {
    passed_ += upstreams_.size();   // may still be carried out
}

bool Front::Session::run(const std::string& active_path, bool rests) {
    jsonrpc_run(client_.get());
    if (jsonrpc_get_status(client_.get())) {
        return false;
    }
    // A client that does not read its answers gets no further ones; a few requests in one go keep the loop fair.
    for (int i = 0; i < 10 && !jsonrpc_get_backlog(client_.get()); i++) {
        if (!request_ && (!receive() || !request_)) {
            return !jsonrpc_get_status(client_.get());
        }
        if (upstreams_.empty() && !start(active_path, rests)) {
            return !client_gone();
        }
        bool done = true;
        for (auto& upstream : upstreams_) {
            run_upstream(upstream, active_path);
            done = done && upstream.done();
        }
        if (!done) {
            return !client_gone();
        }
        answer();
    }
    return !jsonrpc_get_status(client_.get());
}

// A client that only has shut down its sending side, as "nc -N" does, still wants its answer; that is no POLLHUP.
bool Front::Session::client_gone() const {
    pollfd poll = {fd_, 0, 0};
    return ::poll(&poll, 1, 0) == 1 && (poll.revents & (POLLHUP | POLLERR));
}

// Takes the client's next request, if there is one. False when it sent something else.
bool Front::Session::receive() {
    jsonrpc_msg* received = nullptr;
    jsonrpc_recv(client_.get(), &received);
    Message message(received);
    if (!message) {
        return true;
    }
    if (message->type != JSONRPC_REQUEST) {
        return false;
    }
    request_ = std::move(message);
    return true;
}

// Passes the request on. False when it has to wait.
bool Front::Session::start(const std::string& active_path, bool rests) {
    Route where = route(request_->method);
    if (rests && where != Route::Daemon) {
        return false;
    }
    if (where != Route::Daemon) {
        passed_++;
        upstreams_.push_back(open(*request_, false, active_path, where == Route::Active ? options_.get() : nullptr));
    }
    if (where != Route::Active) {
        upstreams_.push_back(open(*request_, true, own_path_));
    }
    return true;
}

Front::Session::Upstream Front::Session::open(const jsonrpc_msg& request, bool to_daemon, const std::string& path,
                                              const jsonrpc_msg* options) const {
    Upstream upstream;
    upstream.of_daemon = to_daemon;
    upstream.path = path;
    if (path.empty()) {
        upstream.failure = "no instance of the switch is active now; see \"ovs-appctl hitless/status\"";
        return upstream;
    }
    struct stream* stream = nullptr;
    int error = stream_open(("unix:" + path).c_str(), &stream, DSCP_DEFAULT);
    if (error) {
        upstream.failure = fmt::format("{} cannot be reached at {}: {}", describe(to_daemon), path, ovs_strerror(error));
        return upstream;
    }
    upstream.rpc.reset(jsonrpc_open(stream));
    if (options) {
        jsonrpc_send(upstream.rpc.get(), jsonrpc_msg_clone(options));
        upstream.options_first = true;
    }
    jsonrpc_send(upstream.rpc.get(), jsonrpc_msg_clone(&request));
    return upstream;
}

void Front::Session::run_upstream(Upstream& upstream, const std::string& active_path) const {
    if (upstream.done()) {
        return;
    }
    jsonrpc_run(upstream.rpc.get());
    jsonrpc_msg* received = nullptr;
    jsonrpc_recv(upstream.rpc.get(), &received);
    Message message(received);
    if (message && std::exchange(upstream.options_first, false)) {
        received = nullptr;
        jsonrpc_recv(upstream.rpc.get(), &received);
        message.reset(received);
    }
    if (message && (message->type == JSONRPC_REPLY || message->type == JSONRPC_ERROR)) {
        upstream.reply = std::move(message);
    } else if (message || jsonrpc_get_status(upstream.rpc.get())) {
        upstream.failure = fmt::format("{} at {} ended before it answered \"{}\"; whether it carried it out is unknown",
                                       describe(upstream.of_daemon), upstream.path, request_->method);
    } else if (upstream.of_daemon || upstream.path == active_path) {
        upstream.deadline.reset();
    } else if (!upstream.deadline) {
        upstream.deadline = Clock::now() + handover_grace;
    } else if (Clock::now() >= *upstream.deadline) {
        upstream.failure = fmt::format("another instance of the switch became active while \"{}\" ran; whether it was carried "
                                       "out is unknown", request_->method);
    }
    if (upstream.done()) {
        upstream.rpc.reset();
        passed_ += !upstream.of_daemon;
    }
}

void Front::Session::answer() {
    Message reply;
    if (upstreams_.size() > 1) {
        reply = merged_answer();
    }
    for (auto& upstream : upstreams_) {
        if (!reply && upstream.reply) {
            reply = std::move(upstream.reply);
        }
    }
    if (!reply) {
        auto text = fmt::format("{}\n", upstreams_.front().failure);
        reply.reset(jsonrpc_create_error(json_string_create(text.c_str()), request_->id));
    }
    if (reply->type == JSONRPC_REPLY && std::string_view(request_->method) == "set-options") {
        options_ = std::move(request_);
    }
    jsonrpc_send(client_.get(), reply.release());
    request_.reset();
    upstreams_.clear();
}

// The answer made of both servers'; null when only one of them answered: the commands that can be had are better than none.
Message Front::Session::merged_answer() {
    const char* of_switch = text_of(upstreams_[0].reply.get());
    const char* of_daemon = text_of(upstreams_[1].reply.get());
    if (!of_daemon) {
        return nullptr;
    }
    auto merged = merge_command_lists(of_switch ? of_switch : "", of_daemon);
    return Message(jsonrpc_create_reply(json_string_create(merged.c_str()), request_->id));
}

void Front::Session::wait() const {
    jsonrpc_wait(client_.get());
    if (jsonrpc_get_backlog(client_.get())) {
        return;
    }
    if (!request_) {
        jsonrpc_recv_wait(client_.get());
        return;
    }
    poll_fd_wait(fd_, POLLHUP);
    for (const auto& upstream : upstreams_) {
        if (upstream.rpc) {
            jsonrpc_wait(upstream.rpc.get());
            jsonrpc_recv_wait(upstream.rpc.get());
        }
        if (upstream.deadline && !upstream.done()) {
            auto left = std::chrono::ceil<std::chrono::milliseconds>(*upstream.deadline - Clock::now());
            poll_timer_wait(std::max<long long>(left.count(), 0));
        }
    }
}

}  // namespace hitless::control

#include "unixctl/client.h"

#include <algorithm>

#include "base/openvswitch.h"

namespace hitless::unixctl {
namespace {

json* to_json(const std::vector<std::string>& arguments) {
    json* array = json_array_create_empty();
    for (const auto& argument : arguments) {
        json_array_add(array, json_string_create(argument.c_str()));
    }
    return array;
}

std::string trimmed(const json* text) {
    std::string string(text && text->type == JSON_STRING ? json_string(text) : "(no text)");
    while (!string.empty() && string.back() == '\n') {
        string.pop_back();
    }
    return string;
}

}  // namespace

void Client::Close::operator()(jsonrpc* rpc) const {
    jsonrpc_close(rpc);
}

void Client::DestroyMessage::operator()(jsonrpc_msg* message) const {
    jsonrpc_msg_destroy(message);
}

Result<Client> Client::connect(const std::string& path) {
    jsonrpc* rpc = nullptr;
    if (int error = unixctl_client_create(path.c_str(), &rpc)) {
        return make_errno_error(error, "control socket {}: cannot connect", path);
    }
    return Client(path, rpc);
}

// An errno value, or 0 and the number by which the reply is known.
int Client::send(const Request& request, long long int& id) {
    jsonrpc_msg* message = jsonrpc_create_request(request.command.c_str(), to_json(request.arguments), nullptr);
    id = json_integer(message->id);
    return jsonrpc_send(rpc_.get(), message);   // takes the message
}

Status Client::ask(const std::vector<Request>& requests) {
    forget_asked();
    for (const auto& request : requests) {
        long long int id = 0;
        if (int error = send(request, id)) {
            usable_ = false;
            return make_errno_error(error < 0 ? ECONNRESET : error, "control socket {}: {} failed", path_, request.command);
        }
        asked_[request] = id;
    }
    return {};
}

void Client::forget_asked() {
    asked_.clear();
    answers_.clear();
}

// The reply to the request with 'id'; nothing when it does not come in time. An errno value, or EOF, is a broken connection.
std::pair<Client::Message, int> Client::receive(long long int id, long long int deadline_ms) {
    if (auto answer = answers_.extract(id)) {
        return {std::move(answer.mapped()), 0};
    }
    for (;;) {
        jsonrpc_run(rpc_.get());
        jsonrpc_msg* received = nullptr;
        int error = jsonrpc_recv(rpc_.get(), &received);
        Message message(received);
        if (!error && (message->type == JSONRPC_REPLY || message->type == JSONRPC_ERROR) && message->id->type == JSON_INTEGER) {
            long long int number = json_integer(message->id);
            if (number == id) {
                return {std::move(message), 0};
            }
            if (std::ranges::any_of(asked_, [number](const auto& asked) { return asked.second == number; })) {
                answers_[number] = std::move(message);
            }
        }
        if (error && error != EAGAIN) {
            return {nullptr, error};
        }
        if (time_msec() >= deadline_ms) {
            return {nullptr, ETIMEDOUT};
        }
        if (error == EAGAIN) {
            jsonrpc_wait(rpc_.get());
            jsonrpc_recv_wait(rpc_.get());
            poll_timer_wait_until(deadline_ms);
            poll_block();
        }
    }
}

Result<std::string> Client::call(const std::string& command, const std::vector<std::string>& arguments,
                                 std::chrono::milliseconds limit) {
    long long int deadline = time_msec() + limit.count();
    const Request request{command, arguments};
    long long int id = 0;
    int error = 0;
    if (auto asked = asked_.extract(request)) {
        id = asked.mapped();
    } else {
        error = send(request, id);
    }
    Message reply;
    if (!error) {
        std::tie(reply, error) = receive(id, deadline);
    }
    usable_ = !error;
    if (error == ETIMEDOUT) {
        return make_error("control socket {}: no answer to {} within {} ms: the process is blocked or stopped", path_, command,
                          limit.count());
    }
    if (error) {
        return make_errno_error(error < 0 ? ECONNRESET : error, "control socket {}: {} failed", path_, command);
    }
    if (reply->type == JSONRPC_ERROR) {
        return make_error("control socket {}: {}: {}", path_, command, trimmed(reply->error));
    }
    return std::string(reply->result->type == JSON_STRING ? json_string(reply->result) : "");
}

}  // namespace hitless::unixctl

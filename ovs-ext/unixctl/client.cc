#include "unixctl/client.h"

#include "base/openvswitch.h"

namespace hitless::unixctl {
namespace {

struct DestroyMessage {
    void operator()(jsonrpc_msg* message) const { jsonrpc_msg_destroy(message); }
};
using Message = std::unique_ptr<jsonrpc_msg, DestroyMessage>;

json* to_json(const std::vector<std::string>& arguments) {
    json* array = json_array_create_empty();
    for (const auto& argument : arguments) {
        json_array_add(array, json_string_create(argument.c_str()));
    }
    return array;
}

// The reply to the request with 'id'; nothing when it does not come in time. An errno value, or EOF, is a broken connection.
std::pair<Message, int> receive(jsonrpc* rpc, const json* id, long long int deadline_ms) {
    for (;;) {
        jsonrpc_run(rpc);
        jsonrpc_msg* received = nullptr;
        int error = jsonrpc_recv(rpc, &received);
        Message message(received);
        if (!error && (message->type == JSONRPC_REPLY || message->type == JSONRPC_ERROR) && json_equal(message->id, id)) {
            return {std::move(message), 0};
        }
        if (error && error != EAGAIN) {
            return {nullptr, error};
        }
        if (time_msec() >= deadline_ms) {
            return {nullptr, ETIMEDOUT};
        }
        if (error == EAGAIN) {
            jsonrpc_wait(rpc);
            jsonrpc_recv_wait(rpc);
            poll_timer_wait_until(deadline_ms);
            poll_block();
        }
    }
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

Result<Client> Client::connect(const std::string& path) {
    jsonrpc* rpc = nullptr;
    if (int error = unixctl_client_create(path.c_str(), &rpc)) {
        return make_errno_error(error, "control socket {}: cannot connect", path);
    }
    return Client(path, rpc);
}

Result<std::string> Client::call(const std::string& command, const std::vector<std::string>& arguments,
                                 std::chrono::milliseconds limit) {
    long long int deadline = time_msec() + limit.count();
    jsonrpc_msg* request = jsonrpc_create_request(command.c_str(), to_json(arguments), nullptr);
    struct DestroyJson {
        void operator()(json* value) const { json_destroy(value); }
    };
    std::unique_ptr<json, DestroyJson> id(json_clone(request->id));
    int error = jsonrpc_send(rpc_.get(), request);   // takes the request
    Message reply;
    if (!error) {
        std::tie(reply, error) = receive(rpc_.get(), id.get(), deadline);
    }
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

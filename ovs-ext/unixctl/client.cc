#include "unixctl/client.h"

#include "base/openvswitch.h"

namespace hitless::unixctl {

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

Result<std::string> Client::call(const std::string& command,
                                 const std::vector<std::string>& arguments) {
    std::vector<char*> argv;
    for (const auto& argument : arguments) {
        argv.push_back(const_cast<char*>(argument.c_str()));   // unixctl only reads them
    }
    char* reply = nullptr;
    char* refusal = nullptr;
    int error = unixctl_client_transact(rpc_.get(), command.c_str(), static_cast<int>(argv.size()),
                                        argv.data(), &reply, &refusal);
    MallocString reply_owner(reply), refusal_owner(refusal);
    if (error) {
        return make_errno_error(error < 0 ? ECONNRESET : error, "control socket {}: {} failed", path_, command);
    }
    if (refusal) {
        std::string text(refusal);
        while (!text.empty() && text.back() == '\n') {
            text.pop_back();
        }
        return make_error("control socket {}: {}: {}", path_, command, text);
    }
    return std::string(reply ? reply : "");
}

}  // namespace hitless::unixctl

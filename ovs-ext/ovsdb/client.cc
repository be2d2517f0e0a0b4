#include "ovsdb/client.h"

#include "base/openvswitch.h"

namespace hitless::ovsdb {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct DestroyMessage {
    void operator()(jsonrpc_msg* message) const { jsonrpc_msg_destroy(message); }
};
using Message = std::unique_ptr<jsonrpc_msg, DestroyMessage>;

Json::Value from_library(const json* value) {
    switch (value->type) {
    case JSON_FALSE:
    case JSON_TRUE:
        return value->type == JSON_TRUE;
    case JSON_INTEGER:
        return Json::Value(static_cast<Json::Int64>(value->integer));
    case JSON_REAL:
        return value->real;
    case JSON_STRING:
        return json_string(value);
    case JSON_ARRAY: {
        Json::Value array(Json::arrayValue);
        for (const json* element : std::span(value->array.elems, value->array.n)) {
            array.append(from_library(element));
        }
        return array;
    }
    case JSON_OBJECT: {
        Json::Value object(Json::objectValue);
        const shash_node* node;
        SHASH_FOR_EACH (node, value->object) {
            object[node->name] = from_library(static_cast<const json*>(node->data));
        }
        return object;
    }
    case JSON_SERIALIZED_OBJECT:   // only ever sent
    case JSON_NULL:
    case JSON_N_TYPES:
        break;
    }
    return {};
}

json* to_library(const Json::Value& value) {
    switch (value.type()) {
    case Json::nullValue:
        break;
    case Json::booleanValue:
        return json_boolean_create(value.asBool());
    case Json::intValue:
    case Json::uintValue:
        return json_integer_create(value.asInt64());
    case Json::realValue:
        return json_real_create(value.asDouble());
    case Json::stringValue:
        return json_string_create(value.asCString());
    case Json::arrayValue: {
        json* array = json_array_create_empty();
        for (const auto& element : value) {
            json_array_add(array, to_library(element));
        }
        return array;
    }
    case Json::objectValue: {
        json* object = json_object_create();
        for (auto it = value.begin(); it != value.end(); ++it) {
            json_object_put(object, it.name().c_str(), to_library(*it));
        }
        return object;
    }
    }
    return json_null_create();
}

// Blocks until something registered with the poll loop happens, at most until 'deadline'.
void block_until(Clock::time_point deadline) {
    auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
    poll_timer_wait(std::max<int64_t>(left, 0));
    poll_block();
}

std::string describe(const Json::Value& operation) {
    return operation["op"].asString() + " " + operation["table"].asString();
}

std::string error_text(const Json::Value& error) {
    std::string text = error["error"].asString();
    return error["details"].isString() ? text + ": " + error["details"].asString() : text;
}

}  // namespace

void Client::Close::operator()(jsonrpc* rpc) const {
    jsonrpc_close(rpc);
}

Result<Client> Client::connect(const std::string& path, milliseconds limit) {
    stream* connection = nullptr;
    std::string name = "unix:" + path;
    int error = stream_open_block(stream_open(name.c_str(), &connection, DSCP_DEFAULT), limit.count(), &connection);
    if (error) {
        return make_errno_error(error, "ovsdb-server {}: cannot connect", path);
    }
    return Client(path, limit, jsonrpc_open(connection));
}

Error Client::broken(int error) const {
    return make_error("ovsdb-server {}: connection lost: {}", path_, ovs_retval_to_string(error));
}

Result<jsonrpc_msg*> Client::receive(TimePoint deadline) {
    for (;;) {
        jsonrpc_msg* message = nullptr;
        jsonrpc_run(rpc_.get());
        int error = jsonrpc_recv(rpc_.get(), &message);
        if (!error) {
            return message;
        } else if (error != EAGAIN) {
            return broken(error);
        } else if (Clock::now() >= deadline) {
            return nullptr;
        }
        jsonrpc_wait(rpc_.get());
        jsonrpc_recv_wait(rpc_.get());
        block_until(deadline);
    }
}

Status Client::take_notification(const jsonrpc_msg& message) {
    if (message.type == JSONRPC_REQUEST && !std::strcmp(message.method, "echo")) {
        if (int error = jsonrpc_send(rpc_.get(), jsonrpc_create_reply(json_clone(message.params), message.id))) {
            return broken(error);
        }
    } else if (message.type == JSONRPC_NOTIFY && !std::strcmp(message.method, "update")) {
        updates_.push_back(from_library(message.params)[1]);
    }
    return {};
}

Result<Json::Value> Client::call(const std::string& method, const Json::Value& params, TimePoint deadline) {
    json* request_id = nullptr;
    jsonrpc_msg* request = jsonrpc_create_request(method.c_str(), to_library(params), &request_id);
    std::unique_ptr<json, void (*)(json*)> id(request_id, json_destroy);
    if (int error = jsonrpc_send(rpc_.get(), request)) {
        return broken(error);
    }
    for (;;) {
        Message message(TRY(receive(deadline)));
        if (!message) {
            return make_error("ovsdb-server {}: {}: no answer in time", path_, method);
        }
        bool reply = message->type == JSONRPC_REPLY || message->type == JSONRPC_ERROR;
        if (!reply || !json_equal(message->id, id.get())) {
            TRY(take_notification(*message));
        } else if (message->type == JSONRPC_REPLY) {
            return from_library(message->result);
        } else {
            Json::Value error = from_library(message->error);
            return make_error("ovsdb-server {}: {}: {}", path_, method,
                              error.isObject() ? error_text(error) : error.asString());
        }
    }
}

Result<std::vector<std::string>> Client::list_dbs() {
    std::vector<std::string> names;
    for (const auto& name : TRY(call("list_dbs", Json::arrayValue, Clock::now() + limit_))) {
        names.push_back(name.asString());
    }
    return names;
}

Result<Json::Value> Client::get_schema(const std::string& database) {
    Json::Value params(Json::arrayValue);
    params.append(database);
    return call("get_schema", params, Clock::now() + limit_);
}

Result<std::vector<Json::Value>> Client::transact(const std::string& database,
                                                  const std::vector<Json::Value>& operations) {
    return transact(database, operations, limit_);
}

Result<std::vector<Json::Value>> Client::transact(const std::string& database, const std::vector<Json::Value>& operations,
                                                  milliseconds limit) {
    Json::Value params(Json::arrayValue);
    params.append(database);
    for (const auto& operation : operations) {
        params.append(operation);
    }
    auto results = transaction_results(operations, TRY(call("transact", params, Clock::now() + limit)));
    if (!results) {
        return fmt::format("ovsdb-server {}: database {}", path_, database) / results.error();
    }
    return results;
}

Result<std::vector<Json::Value>> transaction_results(const std::vector<Json::Value>& operations, const Json::Value& reply) {
    // One element for each operation; after a refused one only null. An error of the whole is one element more.
    std::vector<Json::Value> results;
    for (const auto& result : reply) {
        size_t i = results.size();
        if (result.isObject() && result.isMember("error")) {
            std::string text = error_text(result);
            if (i < operations.size()) {
                return make_error("operation {} ({}): {}", i + 1, describe(operations[i]), text);
            }
            return make_error("transaction of {} operations: {}", operations.size(), text);
        }
        results.push_back(result);
    }
    if (results.size() != operations.size()) {
        return make_error("transaction of {} operations: {} results", operations.size(), results.size());
    }
    return results;
}

Result<Json::Value> Client::monitor(const std::string& database, const Json::Value& requests) {
    Json::Value params(Json::arrayValue);
    params.append(database);
    params.append("hitless");
    params.append(requests);
    return call("monitor", params, Clock::now() + limit_);
}

Result<std::optional<Json::Value>> Client::next_update(milliseconds limit) {
    auto deadline = Clock::now() + limit;
    while (updates_.empty()) {
        Message message(TRY(receive(deadline)));
        if (!message) {
            return std::optional<Json::Value>();
        }
        TRY(take_notification(*message));
    }
    std::optional<Json::Value> update(std::move(updates_.front()));
    updates_.pop_front();
    return update;
}

void Client::wait_any(std::span<Client* const> clients, int fd, milliseconds limit) {
    for (Client* client : clients) {
        if (!client->updates_.empty()) {
            poll_immediate_wake();
        }
        jsonrpc_run(client->rpc_.get());
        jsonrpc_wait(client->rpc_.get());
        jsonrpc_recv_wait(client->rpc_.get());
    }
    if (fd >= 0) {
        poll_fd_wait(fd, POLLIN);
    }
    block_until(Clock::now() + limit);
}

Json::Value select(const std::string& table, const std::vector<std::string>& columns, Json::Value where) {
    Json::Value operation;
    operation["op"] = "select";
    operation["table"] = table;
    operation["where"] = std::move(where);
    for (const auto& column : columns) {
        operation["columns"].append(column);
    }
    return operation;
}

Json::Value update(const std::string& table, Json::Value where, Json::Value row) {
    Json::Value operation;
    operation["op"] = "update";
    operation["table"] = table;
    operation["where"] = std::move(where);
    operation["row"] = std::move(row);
    return operation;
}

Json::Value remove(const std::string& table, Json::Value where) {
    Json::Value operation;
    operation["op"] = "delete";
    operation["table"] = table;
    operation["where"] = std::move(where);
    return operation;
}

Json::Value insert(const std::string& table, const std::string& uuid, Json::Value row) {
    Json::Value operation;
    operation["op"] = "insert";
    operation["table"] = table;
    operation["uuid"] = uuid;
    operation["row"] = std::move(row);
    return operation;
}

}  // namespace hitless::ovsdb

// A client of one ovsdb-server (RFC 7047), over its Unix domain socket.
//
// Seam over lib/jsonrpc.c of libopenvswitch. Blocking, every call within a time limit; one thread at a time. A call that fails
// for another reason than the server's own words leaves the connection unusable: connect anew. The process ignores SIGPIPE, as
// every OVS daemon does (fatal_ignore_sigpipe()).
#pragma once

#include <json/value.h>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

struct jsonrpc;
struct jsonrpc_msg;
struct json;

namespace hitless::ovsdb {

class Client {
  public:
    // Connects to the server that listens at 'path'. Each later call is over within 'limit' too, or fails.
    static Result<Client> connect(const std::string& path,
                                  std::chrono::milliseconds limit = std::chrono::seconds(10));

    Result<std::vector<std::string>> list_dbs();
    Result<Json::Value> get_schema(const std::string& database);

    // Carries out 'operations' (objects, RFC 7047 section 5.2) as one transaction, and returns one result for each of them. An
    // operation that the server refuses, or a constraint that the whole violates, is an Error that names it; nothing is
    // changed then.
    Result<std::vector<Json::Value>> transact(const std::string& database, const std::vector<Json::Value>& operations);
    // The same, where the server is allowed to take longer ("wait" operations).
    Result<std::vector<Json::Value>> transact(const std::string& database, const std::vector<Json::Value>& operations,
                                              std::chrono::milliseconds limit);

    // Subscribes to 'requests' ({table: {"columns": [...]}}, RFC 7047 section 4.1.5) and returns what is there now:
    // {table: {uuid: {"new": row}}}. Later changes arrive by next_update(). One monitor a client.
    Result<Json::Value> monitor(const std::string& database, const Json::Value& requests);

    // The next change, {table: {uuid: {"old": changed columns, "new": row}}}, as soon as there is one; nullopt after 'limit'. The
    // server sends the changes that a transaction of this client made before its reply: they are here when transact() returns.
    Result<std::optional<Json::Value>> next_update(std::chrono::milliseconds limit);

    // Blocks until one of 'clients' has something for next_update() (or has broken), 'fd' is readable (-1: none), or 'limit' is over.
    static void wait_any(std::span<Client* const> clients, int fd, std::chrono::milliseconds limit);

    const std::string& path() const { return path_; }

  private:
    struct Close {
        void operator()(jsonrpc* rpc) const;
    };
    using TimePoint = std::chrono::steady_clock::time_point;

    Client(std::string path, std::chrono::milliseconds limit, jsonrpc* rpc)
        : path_(std::move(path)), limit_(limit), rpc_(rpc) {}
    Result<Json::Value> call(const std::string& method, const Json::Value& params, TimePoint deadline);
    Result<jsonrpc_msg*> receive(TimePoint deadline);   // nullptr: the deadline has passed
    Status take_notification(const jsonrpc_msg& message);
    Error broken(int error) const;

    std::string path_;
    std::chrono::milliseconds limit_;
    std::unique_ptr<jsonrpc, Close> rpc_;
    std::deque<Json::Value> updates_;   // arrived, not yet asked for
};

// What a transaction's reply says: the results of its operations, or an Error. Pure; used by transact().
Result<std::vector<Json::Value>> transaction_results(const std::vector<Json::Value>& operations, const Json::Value& reply);

// Operations, RFC 7047 section 5.2.
Json::Value select(const std::string& table, const std::vector<std::string>& columns = {},
                   Json::Value where = Json::arrayValue);
Json::Value update(const std::string& table, Json::Value where, Json::Value row);
Json::Value remove(const std::string& table, Json::Value where);
// A row with a UUID that is chosen here (ovsdb-server 2.13 and later).
Json::Value insert(const std::string& table, const std::string& uuid, Json::Value row);

}  // namespace hitless::ovsdb

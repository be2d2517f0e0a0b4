#include "upgrade/pair_record.h"

#include <fcntl.h>
#include <json/writer.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <sstream>

#include "base/json.h"
#include "base/private_directory.h"
#include "base/write_file.h"

namespace hitless::upgrade {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

// Changes with the meaning of either file.
constexpr int kVersion = 1;
constexpr const char* kFlowsHeader = "hitless flows 1";

// What is read here is started as root.
Result<std::string> read_file(const fs::path& file) {
    const Fd directory = TRY(open_own_directory(file.parent_path()));
    Fd in(::openat(directory.get(), file.filename().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status;
    if (!in || ::fstat(in.get(), &status)) {
        return make_errno_error(errno, "{}", file.string());
    }
    if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH))) {
        return make_error("{}: refused: others than ovs-hitlessd may have written it", file.string());
    }
    std::string text(static_cast<size_t>(status.st_size), 0);
    size_t done = 0;
    for (ssize_t n = 1; done < text.size() && n > 0; done += n > 0 ? static_cast<size_t>(n) : 0) {
        n = ::read(in.get(), text.data() + done, text.size() - done);
    }
    return done == text.size() ? Result<std::string>(text) : make_error("{}: cannot be read whole", file.string());
}

Json::Value to_json(const Words& words) {
    Json::Value value(Json::arrayValue);
    for (const auto& word : words) {
        value.append(word);
    }
    return value;
}

Words to_words(const Json::Value& value) {
    Words words;
    for (const auto& word : value) {
        words.push_back(word.asString());
    }
    return words;
}

Json::Value to_json(const std::map<std::string, std::string>& map) {
    Json::Value value(Json::objectValue);
    for (const auto& [key, text] : map) {
        value[key] = text;
    }
    return value;
}

std::map<std::string, std::string> to_map(const Json::Value& value) {
    std::map<std::string, std::string> map;
    for (const auto& key : value.getMemberNames()) {
        map[key] = value[key].asString();
    }
    return map;
}

Json::Value to_json(const instance::StartedAs& a) {
    Json::Value value;
    value["pid"] = a.pid;
    value["executable"] = a.executable.string();
    value["argv"] = to_json(a.argv);
    value["environment"] = to_json(a.environment);
    value["nice"] = a.scheduling.nice;
    value["cpus"] = Json::Value(Json::arrayValue);
    for (int cpu : a.scheduling.cpus) {
        value["cpus"].append(cpu);
    }
    value["service"] = a.service.value_or("");
    return value;
}

instance::StartedAs to_started(const Json::Value& value) {
    instance::StartedAs a;
    a.pid = value["pid"].asInt();
    a.executable = value["executable"].asString();
    a.argv = to_words(value["argv"]);
    a.environment = to_map(value["environment"]);
    a.scheduling.nice = value["nice"].asInt();
    for (const auto& cpu : value["cpus"]) {
        a.scheduling.cpus.push_back(cpu.asInt());
    }
    if (auto service = value["service"].asString(); !service.empty()) {
        a.service = service;
    }
    return a;
}

Json::Value to_json(const software::Release& release) {
    Json::Value value;
    value["source"] = release.source;
    value["version"] = release.version;
    value["package"] = release.package;
    value["package_version"] = release.package_version;
    value["sha256"] = release.sha256;
    value["vswitchd"] = release.vswitchd.string();
    value["ovsdb_server"] = release.ovsdb_server.value_or("").string();
    value["schema"] = release.schema.value_or("").string();
    return value;
}

software::Release to_release(const Json::Value& value) {
    software::Release release;
    release.source = value["source"].asString();
    release.version = value["version"].asString();
    release.package = value["package"].asString();
    release.package_version = value["package_version"].asString();
    release.sha256 = value["sha256"].asString();
    release.vswitchd = value["vswitchd"].asString();
    for (auto [member, name] : {std::pair{&release.ovsdb_server, "ovsdb_server"}, {&release.schema, "schema"}}) {
        if (auto path = value[name].asString(); !path.empty()) {
            *member = path;
        }
    }
    return release;
}

Json::Value to_json(const control::BridgeConfig& bridge) {
    Json::Value value;
    value["name"] = bridge.name;
    value["fail_mode"] = bridge.fail_mode;
    value["other_config"] = to_json(bridge.other_config);
    value["controllers"] = Json::Value(Json::arrayValue);
    for (const auto& controller : bridge.controllers) {
        value["controllers"].append(to_json(Words{controller.target, controller.connection_mode}));
    }
    return value;
}

control::BridgeConfig to_bridge(const Json::Value& value) {
    control::BridgeConfig bridge{value["name"].asString(), {}, value["fail_mode"].asString(), to_map(value["other_config"])};
    for (const auto& controller : value["controllers"]) {
        bridge.controllers.push_back({controller[0].asString(), controller[1].asString(), {}});
    }
    return bridge;
}

Json::Value to_json(const Request& request) {
    Json::Value value;
    value["from"] = request.from.value_or("");
    value["sha256"] = request.sha256.value_or("");
    value["signature"] = request.signature.value_or("");
    value["soak"] = Json::Int64(request.soak ? request.soak->count() : -1);
    value["keep_standby"] = request.keep_standby;
    return value;
}

Request to_request(const Json::Value& value) {
    Request request;
    if (auto from = value["from"].asString(); !from.empty()) {
        request.from = from;
    }
    if (auto sha256 = value["sha256"].asString(); !sha256.empty()) {
        request.sha256 = sha256;
    }
    if (auto signature = value["signature"].asString(); !signature.empty()) {
        request.signature = signature;
    }
    if (value["soak"].asInt64() >= 0) {
        request.soak = std::chrono::seconds(value["soak"].asInt64());
    }
    request.keep_standby = value["keep_standby"].asBool();
    return request;
}

PairRecord to_record(const Json::Value& value) {
    PairRecord record;
    record.a = to_started(value["a"]);
    record.release = to_release(value["release"]);
    for (const auto& bridge : value["controllers"]) {
        record.controllers.push_back(to_bridge(bridge));
    }
    for (const auto& setting : value["settings"]) {
        record.settings.emplace_back(setting[0].asString(), setting[1].asString());
    }
    record.receive_buffer_bytes = value["receive_buffer_bytes"].asInt();
    record.old_binary = value["old_binary"].asString();
    record.own_taps = to_words(value["own_taps"]);
    record.checks_sequences = value["checks_sequences"].asBool();
    record.daemon = value["daemon"].asInt();
    record.request = to_request(value["request"]);
    return record;
}

}  // namespace

Status PairRecord::save(const fs::path& file) const {
    Json::Value value;
    value["version"] = kVersion;
    value["a"] = to_json(a);
    value["release"] = to_json(release);
    value["controllers"] = Json::Value(Json::arrayValue);
    for (const auto& bridge : controllers) {
        value["controllers"].append(to_json(bridge));
    }
    value["settings"] = Json::Value(Json::arrayValue);
    for (const auto& [path, old] : settings) {
        value["settings"].append(to_json(Words{path, old}));
    }
    value["receive_buffer_bytes"] = receive_buffer_bytes;
    value["old_binary"] = old_binary.string();
    value["own_taps"] = to_json(own_taps);
    value["checks_sequences"] = checks_sequences;
    value["daemon"] = daemon;
    value["request"] = to_json(request);
    return write_file(file, Json::writeString(Json::StreamWriterBuilder(), value) + "\n");
}

Result<PairRecord> PairRecord::load(const fs::path& file) {
    auto text = TRY(read_file(file));
    auto parsed = parse_json_object(text);
    if (!parsed) {
        return make_error("{}: not readable: {}", file.string(), parsed.error().message);
    }
    const Json::Value& value = *parsed;
    if (!value["version"].isInt() || value["version"].asInt() != kVersion) {
        return make_error("{}: written by another version of ovs-hitlessd", file.string());
    }
    try {
        return to_record(value);
    } catch (const Json::Exception& wrong) {   // a value of another type
        return make_error("{}: not readable: {}", file.string(), wrong.what());
    }
}

Status save_flows(const fs::path& file, const state::Snapshot& flows) {
    std::string text = std::string(kFlowsHeader) + "\n";
    for (const auto& flow : flows) {
        text += fmt::format("{} {}\n", flow.key.size(), flow.value.size()) + flow.key + flow.value;
    }
    return write_file(file, text);
}

Result<state::Snapshot> load_flows(const fs::path& file) {
    std::error_code error;
    state::Snapshot flows;
    if (!fs::exists(file, error)) {
        return flows;
    }
    std::istringstream text(TRY(read_file(file)));
    size_t all = text.str().size();
    std::string header;
    std::getline(text, header);
    if (header != kFlowsHeader) {
        return make_error("{}: written by another version of ovs-hitlessd", file.string());
    }
    size_t key = 0, value = 0;
    while (text >> key >> value) {
        text.get();
        if (key > all || value > all) {
            return make_error("{}: damaged", file.string());
        }
        state::Entry flow{std::string(key, 0), std::string(value, 0)};
        text.read(flow.key.data(), static_cast<std::streamsize>(key));
        text.read(flow.value.data(), static_cast<std::streamsize>(value));
        if (!text) {
            return make_error("{}: damaged", file.string());
        }
        flows.push_back(std::move(flow));
    }
    return flows;
}

}  // namespace hitless::upgrade

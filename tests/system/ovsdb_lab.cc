#include "ovsdb_lab.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace hitless::test {

TemporaryDirectory::TemporaryDirectory() {
    const char* parent = std::getenv("TEST_TMPDIR");
    path_ = std::string(parent ? parent : "/tmp") + "/ovsdb.XXXXXX";
    if (!mkdtemp(path_.data())) {
        throw std::runtime_error("cannot make " + path_);
    }
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

OvsdbLab::OvsdbLab() {
    std::signal(SIGPIPE, SIG_IGN);
}

OvsdbLab::~OvsdbLab() {
    end("ovs-vswitchd");
    end("ovsdb-server");
}

void OvsdbLab::end(const std::string& daemon) const {
    if (auto process = Process::from_pidfile(directory() + "/" + daemon + ".pid"); process) {
        static_cast<void>(process->signal(SIGKILL));
        static_cast<void>(process->wait_end(std::chrono::seconds(5)));
    }
}

std::string OvsdbLab::run(const std::string& command) const {
    std::istringstream words(command);
    std::vector<std::string> argv;
    for (std::string word; words >> word;) {
        argv.push_back(word);
    }
    ProgramOptions options;
    for (const char* name : {"OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"}) {
        options.environment[name] = directory();
    }
    auto output = run_checked(argv, options);
    if (!output) {
        throw std::runtime_error(command + ": " + output.error().message);
    }
    return *output;
}

void OvsdbLab::create_database() {
    run("ovsdb-tool create " + database() + " /usr/share/openvswitch/vswitch.ovsschema");
    start_server();
    run("ovs-vsctl --no-wait --db=unix:" + socket() + " init");
}

void OvsdbLab::start_server() {
    run("ovsdb-server " + database() + " --remote=punix:" + socket() + " --detach --no-chdir --pidfile -vconsole:off " +
        "--log-file=" + directory() + "/ovsdb-server.log");
}

void OvsdbLab::stop_server() {
    end("ovsdb-server");
}

void OvsdbLab::start_switch() {
    run("ovs-vswitchd unix:" + socket() + " --enable-dummy=override --disable-system --disable-system-route --detach " +
        "--no-chdir --pidfile -vconsole:off --log-file=" + directory() + "/ovs-vswitchd.log");
}

std::string OvsdbLab::vsctl(const std::string& arguments) const {
    std::string text = run("ovs-vsctl --timeout=10 --db=unix:" + socket() + " " + arguments);
    while (!text.empty() && text.back() == '\n') {
        text.pop_back();
    }
    return text;
}

std::string OvsdbLab::server_appctl(const std::string& arguments) const {
    return run("ovs-appctl -t ovsdb-server " + arguments);
}

std::string OvsdbLab::ovsdb_client(const std::string& arguments) const {
    return run("ovsdb-client " + arguments);
}

// 'transaction' has no blanks.
void OvsdbLab::ovsdb_client_transact(const std::string& socket, const std::string& transaction) const {
    std::string reply = run("ovsdb-client transact unix:" + socket + " " + transaction);
    if (reply.find("error") != std::string::npos) {
        throw std::runtime_error(transaction + ": " + reply);
    }
}

}  // namespace hitless::test

// Real ovsdb-servers and ovs-vswitchds on the dummy datapath, each with a private directory; no traffic. Failures are exceptions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/process.h"

namespace hitless::test {

// A directory that goes with its object.
class TemporaryDirectory {
  public:
    TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory();
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

// An ovsdb-server, and perhaps an ovs-vswitchd of its database Open_vSwitch; RUNDIR of both is directory(). End with this object.
class OvsdbLab {
  public:
    OvsdbLab();   // ignores SIGPIPE from here on, as every OVS daemon does
    ~OvsdbLab();

    const std::string& directory() const { return directory_.path(); }
    std::string socket() const { return directory() + "/db.sock"; }
    std::string database() const { return directory() + "/conf.db"; }
    std::string server_pidfile() const { return directory() + "/ovsdb-server.pid"; }

    void create_database();   // empty, with the installed schema, and ovs-vsctl init
    void start_server();      // on database(), which exists
    void stop_server();
    void start_switch();      // --enable-dummy=override: any interface can be opened
    // ovs-vsctl; what it prints. 'arguments' are words separated by blanks.
    std::string vsctl(const std::string& arguments) const;
    std::string server_appctl(const std::string& arguments) const;
    std::string ovsdb_client(const std::string& arguments) const;
    void ovsdb_client_transact(const std::string& socket, const std::string& transaction) const;

  private:
    std::string run(const std::string& command) const;
    void end(const std::string& daemon) const;

    TemporaryDirectory directory_;
};

}  // namespace hitless::test

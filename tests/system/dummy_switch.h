// A real ovs-vswitchd with its ovsdb-server on the dummy datapath: private directories, no root, no network.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "base/process.h"
#include "instance/control.h"

namespace hitless::test {

// Ends its daemons and removes its directory when it goes. Failures are exceptions.
class DummySwitch {
  public:
    explicit DummySwitch(const std::vector<std::string>& bridges);
    DummySwitch(const DummySwitch&) = delete;
    DummySwitch& operator=(const DummySwitch&) = delete;
    ~DummySwitch();

    // Every bridge has ports p1...p4, OpenFlow ports 1...4.
    std::string mgmt(const std::string& bridge) const { return directory_ + "/" + bridge + ".mgmt"; }
    instance::ControlPaths control_paths() const;
    // ovs-ofctl COMMAND BRIDGE ARGUMENTS... over OpenFlow 1.5; what it prints.
    std::string ofctl(const std::string& command, const std::string& bridge,
                      const std::vector<std::string>& arguments = {}) const;
    std::string appctl(const std::vector<std::string>& arguments) const;
    std::string vsctl(const std::vector<std::string>& arguments) const;
    const std::string& directory() const { return directory_; }

  private:
    std::string run(std::vector<std::string> argv) const;
    void end(const std::string& daemon) const noexcept;

    std::string directory_;
    std::vector<std::string> bridges_;
    pid_t pid_ = 0;   // of ovs-vswitchd
};

}  // namespace hitless::test

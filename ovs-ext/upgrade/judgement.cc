#include "upgrade/judgement.h"

#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <thread>

#include "control/front.h"
#include "control/mgmt_links.h"
#include "control/unix_socket.h"
#include "software/trust.h"
#include "upgrade/state_preflight.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;

constexpr auto kSetUpLimit = 3s;   // for a switch to set up its bridges

// A is the daemon's neighbour: legs, programs and taps are made in the daemon's own namespace.
Status check_namespace(const instance::OperatorSwitch& a) {
    struct stat own;
    if (::stat("/proc/self/ns/net", &own)) {
        return make_errno_error(errno, "own network namespace");
    }
    if (TRY(a.process().network_namespace()) != own.st_ino) {
        return make_error("ovs-vswitchd (process {}) runs in another network namespace than ovs-hitlessd: start the "
                          "daemon in the switch's", a.process().pid());
    }
    return {};
}

// What a switch says of its bridges goes with its database server, and comes back a second after that: the switch connects again.
Result<ovsdb::SwitchConfig> read_config(ovsdb::Client& client) {
    auto is_set_up = [](const ovsdb::BridgeConfig& bridge) { return bridge.datapath_id || bridge.datapath_type != "netdev"; };
    for (auto deadline = std::chrono::steady_clock::now() + kSetUpLimit;; std::this_thread::sleep_for(kSetUpLimit / 50)) {
        auto config = TRY(ovsdb::read_switch_config(client));
        if (std::ranges::all_of(config.bridges, is_set_up) || std::chrono::steady_clock::now() >= deadline) {
            return config;
        }
    }
}

void append(Findings& findings, const std::vector<std::string>& refusals, const std::vector<std::string>& warnings) {
    findings.refusals.insert(findings.refusals.end(), refusals.begin(), refusals.end());
    findings.warnings.insert(findings.warnings.end(), warnings.begin(), warnings.end());
}

}  // namespace

Result<Judgement> judge(const instance::OperatorSwitch& a, const Places& places) {
    TRY(check_namespace(a));
    auto client = TRY(ovsdb::Client::connect(TRY(a.database_socket())));
    Judgement judgement;
    judgement.config = TRY(read_config(client));
    judgement.findings = examine(judgement.config, a.command_line());
    if (auto trusted = software::check_trusted_itself(places.rundir); !trusted) {   // nor what we make in it would be ours
        judgement.findings.refusals.push_back(trusted.error().message);
    }
    judgement.controllers = control::plan_controllers(controllers_of(judgement.config), places.b_rundir().string());
    append(judgement.findings, judgement.controllers.refusals, judgement.controllers.warnings);
    return judgement;
}

Status add_state(const instance::OperatorSwitch& a, Judgement& judgement, const Places& places) {
    if (!judgement.findings.refusals.empty()) {
        return {};
    }
    auto displaced = control::Front::displaced(a.unixctl_path());
    instance::ControlPaths paths{control::identify(displaced) ? displaced : a.unixctl_path(), {}};
    control::MgmtLinks links(places.rundir.string(), places.b_rundir().string());
    for (const auto& bridge : judgement.config.bridges) {
        paths.mgmt[bridge.name] = links.a_mgmt(bridge.name);
    }
    instance::Control control(Side::A, std::move(paths));
    auto found = TRY(examine_state(control));
    append(judgement.findings, found.refusals, found.warnings);
    return {};
}

Status refuse(const Findings& findings) {
    return findings.refusals.empty() ? Status() : Status(Error{fmt::format("{}", fmt::join(findings.refusals, "; "))});
}

}  // namespace hitless::upgrade

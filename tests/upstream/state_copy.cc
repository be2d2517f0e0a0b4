// state_copy FROM TO: copies all that ovs-hitlessd carries from one ovs-vswitchd to another that has the same bridges and ports,
// and compares. FROM and TO are their run directories. For tests of switches whose packets cannot be steered.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "base/process.h"
#include "instance/control.h"
#include "state/copy.h"
#include "state/kinds.h"

extern "C" void ofpact_dummy_enable(void);   // of libopenvswitch's private dummy.h: actions for debugging, which some tests use

namespace {

using namespace hitless;
namespace fs = std::filesystem;

Result<instance::ControlPaths> find_sockets(const fs::path& rundir) {
    auto process = TRY(Process::from_pidfile((rundir / "ovs-vswitchd.pid").string()));
    instance::ControlPaths paths;
    paths.unixctl = (rundir / fmt::format("ovs-vswitchd.{}.ctl", process.pid())).string();
    for (const auto& entry : fs::directory_iterator(rundir)) {
        if (entry.path().extension() == ".mgmt") {
            paths.mgmt[entry.path().stem().string()] = entry.path().string();
        }
    }
    return paths;
}

Status copy(const fs::path& from_rundir, const fs::path& to_rundir) {
    instance::Control from(Side::A, TRY(find_sockets(from_rundir)));
    instance::Control to(Side::B, TRY(find_sockets(to_rundir)));
    auto kinds = state::all_kinds();
    std::vector<std::string> differences;
    for (auto& kind : kinds.list) {
        auto copy = TRY(state::copy_kind(*kind, from, to));
        TRY(kind->arm(from, to, copy.source, copy.target));
        const auto& report = copy.report;
        fmt::print("{}: {} copied, {} identical, {} differing\n", kind->name(), report.copied, report.identical, report.differing);
        for (const auto& example : report.examples) {
            differences.push_back(fmt::format("{}: {}", kind->name(), example));
        }
    }
    return differences.empty() ? Status() : make_error("{}", differences.front());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        fmt::print(stderr, "usage: {} FROM TO\n", argv[0]);
        return 2;
    }
    ofpact_dummy_enable();
    auto status = copy(argv[1], argv[2]);
    if (!status) {
        fmt::print(stderr, "{}: {}\n", argv[0], status.error().message);
        return 1;
    }
    return 0;
}

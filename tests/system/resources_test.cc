// What becomes of an upgrade, and of the traffic, when there is no more room on a disk, no memory for a BPF map, or when the wall clock
// is set.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <set>
#include <tuple>

#include "faults.h"
#include "phases_of_an_upgrade.h"

namespace hitless::test {
namespace {

// All that is left of a file system's room.
void fill(const std::string& filler) {
    Fd file(::open(filler.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    std::string page(4096, 'x');
    while (::write(file.get(), page.data(), page.size()) > 0) {
    }
    ASSERT_EQ(errno, ENOSPC);
}

// The directory of the lab that is full, and the phase before which it became so.
class FullDisk : public Faults, public ::testing::WithParamInterface<std::tuple<std::string, std::string>> {
  protected:
    const std::string directory = std::get<0>(GetParam()), phase = std::get<1>(GetParam());

    void SetUp() override {
        Faults::SetUp();
        if (!IsSkipped()) {
            make_lab({}, directory == "run" ? "" : directory);
            if (directory == "run") {   // has a file system already
                lab().checked({"mount", "-o", "remount,size=16m", lab().path(directory)});
            }
            wait_at(phase + ".begun");
        }
    }
    std::string filler() { return lab().path(directory + "/filler"); }
};

TEST_P(FullDisk, EndsTheUpgradeAndLosesNothing) {
    auto before = lab().snapshot();
    LabTraffic traffic(lab());
    auto output = upgrade_with([this] { fill(filler()); });
    if (output.exit_status) {
        EXPECT_THAT(output.standard_error, testing::HasSubstr("No space left on device"));
    }
    std::string state = daemon({"hitless/status"}).standard_output;
    std::cout << state.substr(0, state.find('\n')) << "\n";
    std::filesystem::remove(filler());
    if (lab().state() == "failed-over") {   // B forwards; with room there is a way back
        auto returned = daemon({"hitless/return"});
        EXPECT_EQ(returned.exit_status, 0) << returned.standard_error;
    }
    ASSERT_TRUE(comes_to_rest("idle"));
    before.erase("TCP connections through NAT");
    expect_same(before);
    auto again = lab().appctl(upgrade("0"));
    EXPECT_EQ(again.exit_status, 0) << again.standard_error;
    auto count = traffic.stop();
    if (phase == "soak") {   // A has the packets at once
        expect_outage_under(kAtOnceMs, count);
    } else {
        expect_nothing_lost(count);
    }
}

std::string name_of(const ::testing::TestParamInfo<std::tuple<std::string, std::string>>& info) {
    return test_name(std::get<0>(info.param) + "_" + std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Phases, FullDisk, ::testing::Combine(::testing::Values("state"), ::testing::ValuesIn(phases_of_an_upgrade())),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Run, FullDisk, ::testing::Combine(::testing::Values("run"),
                                                           ::testing::Values("standby", "copy", "hold", "soak", "reprogram", "copy-back",
                                                                             "hold-back")),
                         name_of);

class Resources : public Faults {
  protected:
    // Of all BPF maps that the daemon has.
    std::set<std::string> map_names() {
        std::set<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(lab().daemon_pid()) + "/fdinfo")) {
            std::ifstream info(entry.path());
            for (std::string word; info >> word;) {
                if (word == "map_id:" && info >> word) {
                    names.insert(parse_json(lab().checked({"bpftool", "--json", "map", "show", "id", word}))["name"].asString());
                }
            }
        }
        return names;
    }
    // Another daemon, with preload.c.
    void start_with(const std::string& setting) {
        kill_daemon();
        start_daemon({"LD_PRELOAD=" PRELOAD, "ASAN_OPTIONS=verify_asan_link_order=0", setting});
    }
};

TEST_F(Resources, AMapForWhichThereIsNoMemoryEndsTheUpgradeAndLosesNothing) {
    make_lab();
    failover();
    auto names = map_names();
    EXPECT_GT(names.size(), 3u);
    ASSERT_EQ(lab().appctl({"hitless/return"}).exit_status, 0);
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    before.erase("programs of the daemon");
    for (const auto& name : names) {
        start_with("HITLESS_NO_MEMORY_FOR=" + name);
        auto output = lab().appctl(upgrade("0"));
        std::cout << name << ": " << output.standard_error << "\n";
        EXPECT_THAT(output.standard_error, testing::HasSubstr("failed,")) << name;
        EXPECT_THAT(output.standard_error, testing::HasSubstr("Cannot allocate memory")) << name;
        ASSERT_TRUE(comes_to_rest("idle"));
        expect_same(before);
    }
    expect_nothing_lost(traffic.stop());
}

// An ovsdb-server that starts writes a file there.
TEST_F(Resources, ATmpThatIsFullEndsTheUpgradeBeforeAnythingIsMovedAndLaterMattersToNobody) {
    make_lab();
    lab().checked({"mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", "/tmp"});   // of this program's mount namespace
    kill_daemon();
    start_daemon({"TMPDIR=/tmp"});
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    fill("/tmp/filler");
    auto output = lab().appctl(upgrade("0"));
    EXPECT_THAT(output.standard_error, testing::HasSubstr(": failed,"));
    EXPECT_THAT(output.standard_error, testing::HasSubstr("No space left on device"));
    EXPECT_EQ(lab().state(), "idle");
    expect_same(before);
    std::filesystem::remove("/tmp/filler");
    failover();
    fill("/tmp/filler");
    output = lab().appctl({"hitless/upgrade"});
    EXPECT_EQ(output.exit_status, 0) << output.standard_error;
    EXPECT_TRUE(upgraded());
    expect_same(before);
    expect_nothing_lost(traffic.stop());
    lab().checked({"umount", "/tmp"});
}

TEST_F(Resources, AClockThatIsSetAgainAndAgainCostsNothing) {
    make_lab();
    start_with("HITLESS_CLOCK=" + lab().path("clock"));
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    std::atomic<bool> enough{false};
    auto setting = std::async(std::launch::async, [&] {
        for (int day = 0; !enough; day++) {
            std::ofstream(lab().path("clock")) << (day % 3 - 1) * 86'400 << "\n";
            std::this_thread::sleep_for(20ms);
        }
    });
    auto output = lab().appctl({"hitless/upgrade", "--from=" + lab().new_software(), "--soak=1", "--format=json"});
    enough = true;
    setting.get();
    ASSERT_EQ(output.exit_status, 0) << output.standard_error;
    auto told = parse_json(output.standard_output);
    for (const auto& one : told["phases"]) {
        EXPECT_GE(one["duration_us"].asInt64(), one["name"] == "soak" ? 1'000'000 : 0) << one["name"].asString();
        EXPECT_LT(one["duration_us"].asInt64(), 10'000'000) << one["name"].asString();
    }
    ASSERT_TRUE(comes_to_rest("idle"));
    before.erase("programs of the daemon");
    expect_same(before);
    expect_nothing_lost(traffic.stop());
}

TEST_F(Resources, AClockThatIsSetWhileThereIsNoDaemonDoesNotCutTheSoakShort) {
    make_lab();
    auto done = upgrade_into_soak();
    std::ofstream(lab().path("clock")) << 7 * 86'400 << "\n";
    start_with("HITLESS_CLOCK=" + lab().path("clock"));
    done.wait();
    std::this_thread::sleep_for(1s);
    EXPECT_TRUE(lab().wait_for_phase({"soak"}));
    EXPECT_EQ(lab().appctl({"hitless/rollback"}).exit_status, 0);
    ASSERT_TRUE(comes_to_rest("idle"));
}

}  // namespace
}  // namespace hitless::test

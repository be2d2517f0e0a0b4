// The files and sockets that an upgrade makes: who may use them, and that nobody can have others touched by planting links.
#include <fmt/format.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include "eventually.h"
#include "faults.h"

namespace hitless::test {
namespace {

namespace fs = std::filesystem;

class Files : public Faults {
  protected:
    // Of the switch's run and log directories and the daemon's state, as they are now.
    std::set<std::string> paths() {
        std::set<std::string> all;
        std::error_code absent;
        for (const char* part : {"run", "log", "state"}) {
            for (const auto& entry : fs::recursive_directory_iterator(lab().path(part), absent)) {
                all.insert(entry.path());
            }
        }
        return all;
    }
    // Those that are there in the soak of an upgrade, and before it were not.
    void upgrade_and_look(const std::function<void(const std::set<std::string>& made)>& look) {
        wait_at("soak.begun");
        auto before = paths();
        auto output = upgrade_with([&] {
            std::set<std::string> made;
            std::ranges::set_difference(paths(), before, std::inserter(made, made.end()));
            look(made);
        });
        EXPECT_EQ(output.exit_status, 0) << output.standard_error;
    }
    // No directory on the way keeps others from it.
    bool reachable(const fs::path& file) {
        const auto top = fs::path(lab().path("run")).parent_path();
        for (auto directory = file.parent_path(); directory != top; directory = directory.parent_path()) {
            struct stat status;
            if (::stat(directory.c_str(), &status) || !(status.st_mode & S_IXOTH)) {
                return false;
            }
        }
        return true;
    }
    // What is wrong with owner or mode; empty: nothing. A pidfile may be read by all, as Open vSwitch has it.
    std::string wrong_with(const fs::path& file) {
        struct stat status;
        if (::lstat(file.c_str(), &status)) {
            return "vanished";
        }
        if (status.st_uid || status.st_gid) {
            return "it is not root's";
        }
        mode_t others = status.st_mode & S_IRWXO & ~(file.extension() == ".pid" ? S_IROTH : 0u);
        return !S_ISLNK(status.st_mode) && others && reachable(file) ? fmt::format("mode {:o}", status.st_mode) : "";
    }
    void expect_left_alone(const std::string& because);
};

TEST_F(Files, ThatAnUpgradeMakesAreForRootAlone) {
    make_lab();
    upgrade_and_look([this](const std::set<std::string>& made) {
        EXPECT_GT(made.size(), 10u);
        for (const auto& file : made) {
            EXPECT_EQ(wrong_with(file), "") << file;
        }
    });
    for (const auto& file : paths()) {   // what stays
        if (file.starts_with(lab().path("state")) || file.find("hitless") != std::string::npos) {
            EXPECT_EQ(wrong_with(file), "") << file;
        }
    }
}

// Whoever owns the run directory can put a link to another's file where the daemon will make one of its own.
TEST_F(Files, InWhosePlaceThereAreLinksAreNotWrittenThroughThem) {
    make_lab();
    std::set<std::string> names;
    upgrade_and_look([&](const std::set<std::string>& made) {
        for (const auto& file : made) {
            if (fs::path(file).parent_path() == lab().path("run")) {
                names.insert(fs::path(file).filename());
            }
        }
    });
    EXPECT_TRUE(names.erase("hitless"));
    for (const char* meanwhile : {"ovs-vswitchd.pid.tmp", "br0.mgmt.new", "br0.snoop.new"}) {   // before a rename
        names.insert(meanwhile);
    }
    const std::string victim = lab().path("victim"), victims = lab().path("victims");
    std::ofstream(victim) << "untouched";
    fs::create_directory(victims);
    fs::permissions(victims, fs::perms::all);
    auto expect_untouched = [&] {
        EXPECT_EQ(contents(victim), "untouched");
        EXPECT_TRUE(fs::is_regular_file(victim));
        EXPECT_TRUE(fs::is_empty(victims));
        EXPECT_EQ(fs::status(victims).permissions(), fs::perms::all);
    };

    fs::create_directory_symlink(victims, lab().path("run/hitless"));
    auto refused = lab().appctl(upgrade("0"));
    EXPECT_NE(refused.exit_status, 0);
    EXPECT_THAT(refused.standard_error, testing::HasSubstr("run/hitless"));
    expect_untouched();
    fs::remove(lab().path("run/hitless"));

    for (const auto& name : names) {
        fs::remove(lab().path("run/" + name));
        fs::create_symlink(victim, lab().path("run/" + name));
        auto output = lab().appctl(upgrade("0"));
        std::cout << name << ": ended with status " << output.exit_status << ": " << output.standard_error << "\n";
        expect_untouched();
        ASSERT_TRUE(comes_to_rest("idle"));
        if (fs::is_symlink(lab().path("run/" + name))) {
            fs::remove(lab().path("run/" + name));
        }
    }
    EXPECT_EQ(lab().appctl(upgrade("0")).exit_status, 0);
}

constexpr uid_t kNobody = 65'534;

// He can put another directory in the place of the daemon's at any time, also between two looks at it: who is not root gets no pair there.
TEST_F(Files, AreNotMadeInARunDirectoryOfAnothers) {
    make_lab();
    const auto run = lab().path("run");
    auto expect_refused = [&](const ProgramOutput& output) {
        EXPECT_NE(output.exit_status, 0);
        EXPECT_THAT(output.standard_error + output.standard_output, testing::HasSubstr(run + ": refused"));
        EXPECT_FALSE(fs::exists(run + "/hitless"));
    };
    ASSERT_EQ(::chown(run.c_str(), kNobody, 0), 0);
    expect_refused(lab().appctl({"hitless/check"}));
    expect_refused(lab().appctl(upgrade("0")));
    ASSERT_EQ(::chown(run.c_str(), 0, 0), 0);
    fs::permissions(run, fs::perms::others_write, fs::perm_options::add);
    expect_refused(lab().appctl(upgrade("0")));
    fs::permissions(run, fs::perms::others_write, fs::perm_options::remove);
    EXPECT_EQ(lab().appctl(upgrade("0")).exit_status, 0);
}

// B goes on, and the daemon says so; it offers nothing that would end that.
void Files::expect_left_alone(const std::string& because) {
    auto status = lab().status();
    EXPECT_EQ(status["state"], "failed-over");
    EXPECT_EQ(status["instances"][0]["role"], "frozen");
    EXPECT_EQ(status["instances"][1]["role"], "active");
    EXPECT_THAT(status["problem"].asString(), testing::HasSubstr("B goes on forwarding"));
    EXPECT_THAT(status["problem"].asString(), testing::HasSubstr(because));
    EXPECT_THAT(status["problem"].asString(), testing::Not(testing::HasSubstr("hitless/rollback")));
    for (const char* command : {"upgrade", "failover", "return", "rollback", "bond-show", "diff"}) {
        auto refused = lab().appctl({std::string("hitless/") + command});
        EXPECT_NE(refused.exit_status, 0) << command;
        bool speaks_of_a = refused.standard_error.find("A owns its ports") != std::string::npos;
        EXPECT_FALSE(speaks_of_a) << refused.standard_error;
        EXPECT_THAT(refused.standard_error, testing::Not(testing::HasSubstr("use hitless/rollback")));
    }
    EXPECT_THAT(lab().appctl({"hitless/rollback"}).standard_error, testing::HasSubstr(because));
}

TEST_F(Files, OfAPairAreNotBelievedWhereTheirDirectoryWasSwapped) {
    make_lab();
    failover();
    kill_daemon();
    const fs::path run = lab().path("run"), own = run / "hitless", away = run / "away";
    LabTraffic traffic(lab());
    auto expect_untouched = [&](const fs::path& directory, const std::string& because) {
        start_daemon();
        expect_left_alone(because);
        kill_daemon();
        EXPECT_TRUE(fs::exists(directory / "pair"));
        EXPECT_TRUE(fs::exists(away / "b/ovs-vswitchd.pid"));
    };
    fs::rename(own, away);
    fs::create_directory(own);
    fs::copy_file(away / "pair", own / "pair");
    for (const auto& file : {own, own / "pair"}) {
        ASSERT_EQ(::chown(file.c_str(), kNobody, kNobody), 0);
    }
    expect_untouched(own, "run/hitless: refused: it belongs to the user 65534");
    ASSERT_EQ(::chown(run.c_str(), kNobody, 0), 0);
    for (const auto& file : {own, own / "pair"}) {
        ASSERT_EQ(::chown(file.c_str(), 0, 0), 0);
    }
    // One of root's, which he could swap between two looks.
    expect_untouched(own, run.string() + ": refused: it belongs to the user 65534, who could have any program run as root: give it to root");
    fs::remove_all(own);
    fs::create_directory_symlink(away, own);
    ASSERT_EQ(::chown(run.c_str(), 0, 0), 0);
    expect_untouched(own, "run/hitless: cannot be used");   // a link
    fs::remove(own);
    start_daemon();
    expect_left_alone("run/hitless: cannot be used: No such file or directory");

    fs::rename(away, own);
    EXPECT_TRUE(eventually([&] { return lab().status()["problem"].asString().empty(); }));
    auto returned = lab().appctl({"hitless/return"});
    EXPECT_EQ(returned.exit_status, 0) << returned.standard_error;
    expect_nothing_lost(traffic.stop());
}

// What the process of a pidfile says of itself is how the next one is started, as root.
TEST_F(Files, ThatNameAProcessOfAnothersAreNotBelieved) {
    make_lab();
    kill_daemon();
    const std::string pidfile = lab().path("run/ovs-vswitchd.pid");
    fs::rename(pidfile, pidfile + ".away");
    std::ofstream(pidfile) << "0\n";
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    pid_t child = ::fork();
    if (child == 0) {
        struct flock lock = {};
        lock.l_type = F_WRLCK;
        lock.l_whence = SEEK_SET;
        int file = ::open(pidfile.c_str(), O_RDWR);
        if (!::fcntl(file, F_SETLK, &lock) && !::setresuid(kNobody, kNobody, kNobody)) {
            ::close(ends[1]);
            ::pause();
        }
        ::_exit(1);
    }
    ::close(ends[1]);
    char nothing;
    EXPECT_EQ(::read(ends[0], &nothing, 1), 0);   // it holds the lock, or has ended
    ::close(ends[0]);
    start_daemon();
    auto refused = daemon({"hitless/check"});
    EXPECT_NE(refused.exit_status, 0);
    EXPECT_THAT(refused.standard_error, testing::HasSubstr("it runs as the user 65534"));
    kill_daemon();
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    fs::rename(pidfile + ".away", pidfile);
    start_daemon();
    EXPECT_EQ(daemon({"hitless/check"}).exit_status, 0);
}

}  // namespace
}  // namespace hitless::test

// The files and sockets that an upgrade makes: who may use them, and that nobody can have others touched by planting links.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>

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
    std::string contents(const std::string& file) {
        std::ifstream stream(file);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
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

// Whoever owns the run directory, which need not be root, can put a link to another's file where the daemon will make one of its own.
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

}  // namespace
}  // namespace hitless::test

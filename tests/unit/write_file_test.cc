#include "base/write_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace hitless {
namespace {

namespace fs = std::filesystem;

class WriteFile : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = fs::temp_directory_path() / "hitless-write-XXXXXX";
        ASSERT_TRUE(::mkdtemp(pattern.data()));
        directory_ = pattern;
        put(victim_ = directory_ / "victim", "untouched");
        file_ = directory_ / "file";
    }
    void TearDown() override { fs::remove_all(directory_); }
    static void put(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }
    static std::string get(const fs::path& file) {
        std::ifstream stream(file);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    // It is written, is ours alone, and nothing else has changed.
    void expect_written() {
        auto written = write_file(file_, "new");
        ASSERT_TRUE(written.ok()) << written.error().message;
        EXPECT_EQ(get(file_), "new");
        struct stat status;
        ASSERT_EQ(::lstat(file_.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode, static_cast<mode_t>(S_IFREG | 0600));
        EXPECT_EQ(get(victim_), "untouched");
        EXPECT_FALSE(fs::exists(fs::symlink_status(directory_ / "file.new")));
    }

    fs::path directory_, victim_, file_;
};

TEST_F(WriteFile, MakesAndReplaces) {
    expect_written();
    put(file_, "much longer than what comes");
    expect_written();
}

TEST_F(WriteFile, FollowsNoLink) {
    fs::create_symlink(victim_, file_);
    fs::create_symlink(victim_, directory_ / "file.new");
    expect_written();
    fs::create_hard_link(victim_, directory_ / "file.new");
    expect_written();
}

TEST_F(WriteFile, LeavesTheOldOneWhereItFails) {
    put(file_, "old");
    fs::create_directory(directory_ / "file.new");   // in the way
    EXPECT_FALSE(write_file(file_, "new").ok());
    EXPECT_EQ(get(file_), "old");
    EXPECT_FALSE(write_file(directory_ / "none" / "file", "new").ok());
}

TEST_F(WriteFile, GoesToNoDirectoryOfAnothers) {
    fs::create_directory(directory_ / "ours");
    fs::create_directory_symlink("ours", directory_ / "link");
    EXPECT_FALSE(write_file(directory_ / "link" / "file", "new").ok());
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root can give a directory away";
    }
    ASSERT_EQ(::chown((directory_ / "ours").c_str(), 65'534, 65'534), 0);
    EXPECT_FALSE(write_file(directory_ / "ours" / "file", "new").ok());
    EXPECT_TRUE(fs::is_empty(directory_ / "ours"));
}

}  // namespace
}  // namespace hitless

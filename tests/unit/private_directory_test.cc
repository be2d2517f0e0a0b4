// Directories that are ours alone.
#include "base/private_directory.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace hitless {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class PrivateDirectory : public ::testing::Test {
  protected:
    ~PrivateDirectory() override { fs::remove_all(top_); }

    static fs::path make_top() {
        std::string name = fs::temp_directory_path() / "hitless-XXXXXX";
        return ::mkdtemp(name.data());
    }

    const fs::path top_ = make_top(), path_ = top_ / "own";
};

TEST_F(PrivateDirectory, IsMadeForNobodyElse) {
    ASSERT_TRUE(make_private_directory(path_).ok());
    EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_all);
}

TEST_F(PrivateDirectory, ThatIsThereIsTakenAndShut) {
    fs::create_directory(path_);
    fs::permissions(path_, fs::perms::all);
    ASSERT_TRUE(make_private_directory(path_).ok());
    EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_all);
}

TEST_F(PrivateDirectory, IsNoLink) {
    fs::create_directory(top_ / "elsewhere");
    fs::permissions(top_ / "elsewhere", fs::perms::all);
    fs::create_directory_symlink(top_ / "elsewhere", path_);
    auto refused = make_private_directory(path_);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, HasSubstr("own: cannot be used"));
    EXPECT_FALSE(check_own_directory(path_).ok());
    EXPECT_EQ(fs::status(top_ / "elsewhere").permissions(), fs::perms::all);
}

TEST_F(PrivateDirectory, IsNobodyElses) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root can give a directory away";
    }
    fs::create_directory(path_);
    ASSERT_EQ(::chown(path_.c_str(), 65'534, 65'534), 0);
    auto refused = make_private_directory(path_);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, HasSubstr("own: refused: it belongs to the user 65534"));
    EXPECT_FALSE(check_own_directory(path_).ok());
    ASSERT_EQ(::chown(path_.c_str(), 0, 0), 0);
    EXPECT_TRUE(check_own_directory(path_).ok());
}

}  // namespace
}  // namespace hitless

#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace hitless {
namespace {

Result<std::unique_ptr<int>> make(bool good) {
    if (!good) {
        return make_error("port {}: gone", "eth3");
    }
    return std::make_unique<int>(7);
}

Result<int> use(bool good) {
    std::unique_ptr<int> number = TRY(make(good));
    return *number;
}

Status check(bool good) {
    TRY(use(good));
    return {};
}

TEST(Result, TryMovesTheValueOut) {
    EXPECT_EQ(use(true).value(), 7);
    EXPECT_TRUE(check(true).ok());
}

TEST(Result, TryReturnsTheErrorUnchanged) {
    EXPECT_EQ(use(false).error().message, "port eth3: gone");
    EXPECT_EQ(check(false).error().message, "port eth3: gone");
}

TEST(Result, ErrorsGainContext) {
    EXPECT_EQ((std::string("bridge br0") / use(false).error()).message, "bridge br0: port eth3: gone");
    EXPECT_EQ(make_errno_error(ENOENT, "file {}", "x").message, "file x: No such file or directory");
}

}  // namespace
}  // namespace hitless

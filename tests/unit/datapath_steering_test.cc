// Of the datapath, what needs no kernel: the fake, settings, names.
#include "datapath/steering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "datapath/fake_steering.h"
#include "datapath/host_settings.h"

namespace hitless::datapath {
namespace {

using namespace std::chrono_literals;

TEST(FakeSteering, KeepsTheRulesOfAHandOver) {
    FakeSteering steering;
    std::vector<Port> ports = {{"p1", false}, {"br0", true}};
    EXPECT_FALSE(steering.halt(1ms).ok());
    ASSERT_TRUE(steering.attach(ports).ok());
    EXPECT_FALSE(steering.release(Side::B).ok());
    ASSERT_TRUE(steering.halt(1ms).ok());
    EXPECT_FALSE(steering.halt(1ms).ok());
    ASSERT_TRUE(steering.release(Side::B).ok());
    EXPECT_EQ(steering.bond().active, Side::B);
    EXPECT_EQ(steering.bond().members.size(), 2u);
    EXPECT_FALSE(steering.detach_all().ok());
    ASSERT_TRUE(steering.halt(1ms).ok());
    steering.deadline_passed = true;
    EXPECT_FALSE(steering.release(Side::A).ok());
    EXPECT_EQ(steering.bond().active, Side::B);
    ASSERT_TRUE(steering.halt(1ms).ok());
    ASSERT_TRUE(steering.release(Side::A).ok());
    EXPECT_TRUE(steering.detach_all().ok());
    EXPECT_EQ(steering.calls.back(), "detach_all");
}

TEST(FakeSteering, FailsWhereItIsTold) {
    FakeSteering steering;
    steering.failures["attach"] = "port p1: no";
    auto status = steering.attach({});
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().message, "port p1: no");
    EXPECT_FALSE(steering.attached());
}

TEST(Steering, RefusesAPrefixThatMakesTooLongNames) {
    EXPECT_FALSE(make_steering({.prefix = "fives", .bpf_directory = "", .b_namespace = ""}).ok());
    EXPECT_FALSE(make_steering({.prefix = "", .bpf_directory = "", .b_namespace = ""}).ok());
    EXPECT_FALSE(make_steering({.prefix = "a/b", .bpf_directory = "", .b_namespace = ""}).ok());
    EXPECT_TRUE(make_steering({.prefix = "hl", .bpf_directory = "", .b_namespace = ""}).ok());
}

TEST(HostSettings, ArePutBackInReverseOrder) {
    std::string path = ::testing::TempDir() + fmt::format("hitless-setting-{}", ::getpid());
    auto content = [&] {
        std::ifstream file(path);
        std::string text;
        std::getline(file, text);
        return text;
    };
    std::ofstream(path) << "7\n";
    {
        HostSettings settings;
        ASSERT_TRUE(settings.set(path, "1").ok());
        ASSERT_TRUE(settings.set(path, "1").ok());
        ASSERT_TRUE(settings.set(path, "2").ok());
        EXPECT_EQ(content().substr(0, 1), "2");
        EXPECT_THAT(settings.old_values(), ::testing::ElementsAre(std::pair(path, std::string("7")), std::pair(path, std::string("1"))));
    }
    EXPECT_EQ(content().substr(0, 1), "7");
    std::filesystem::remove(path);
    EXPECT_FALSE(exchange_setting(path, "1").ok());
}

}  // namespace
}  // namespace hitless::datapath

#include <gtest/gtest.h>

#include "control/routing.h"

namespace hitless::control {
namespace {

TEST(Route, OwnCommandsGoToTheDaemonListsToBothAllElseToTheSwitch) {
    EXPECT_EQ(route("hitless/upgrade"), Route::Daemon);
    EXPECT_EQ(route("hitless/"), Route::Daemon);
    EXPECT_EQ(route("list-commands"), Route::Both);
    for (const char* command : {"version", "exit", "vlog/set", "dpctl/show", "hitless", "xhitless/upgrade", ""}) {
        EXPECT_EQ(route(command), Route::Active) << command;
    }
}

TEST(MergeCommandLists, SortsTheDaemonsCommandsInAndKeepsTheSwitchsLinesAsTheyAre) {
    EXPECT_EQ(merge_command_lists("The available commands are:\n"
                                  "  bond/show               [port]\n"
                                  "  version                 \n",
                                  "The available commands are:\n"
                                  "  hitless/upgrade         [--sha256=SUM]\n"
                                  "  version                 of the daemon\n"
                                  "  zzz                     \n"),
              "The available commands are:\n"
              "  bond/show               [port]\n"
              "  hitless/upgrade         [--sha256=SUM]\n"
              "  version                 \n");
}

// lib/unixctl.c sorts by strcmp().
TEST(MergeCommandLists, SortsByBytes) {
    EXPECT_EQ(merge_command_lists("The available commands are:\n  hitless                 \n  hitlessx/a \n",
                                  "The available commands are:\n  hitless/a               \n"),
              "The available commands are:\n  hitless                 \n  hitless/a               \n  hitlessx/a \n");
}

TEST(MergeCommandLists, OneListMayBeMissing) {
    EXPECT_EQ(merge_command_lists("", "The available commands are:\n  hitless/a x\n"), "The available commands are:\n  hitless/a x\n");
    EXPECT_EQ(merge_command_lists("The available commands are:\n  a \n", ""), "The available commands are:\n  a \n");
    EXPECT_EQ(merge_command_lists("garbage\n  cut off", "\n \n"), "The available commands are:\n");
}

}  // namespace
}  // namespace hitless::control

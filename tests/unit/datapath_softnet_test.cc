#include "datapath/softnet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hitless::datapath {
namespace {

TEST(Softnet, ReadsProcessedAndBacklogOfEachCpu) {
    auto cpus = parse_softnet_stat(
        "0001f3a2 00000000 00000003 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 0000001f 00000000 0 0\n"
        "ffffffff 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 0 0\n");
    ASSERT_TRUE(cpus.ok()) << cpus.error().message;
    ASSERT_EQ(cpus->size(), 2u);
    EXPECT_EQ((*cpus)[0].processed, 0x1f3a2u);
    EXPECT_EQ((*cpus)[0].backlog, 0x1fu);
    EXPECT_EQ((*cpus)[1].processed, 0xffffffffu);
    EXPECT_EQ((*cpus)[1].backlog, 0u);
}

TEST(Softnet, OldKernelsDoNotSayTheBacklog) {
    auto cpus = parse_softnet_stat("00000005 00000000 00000000\n");
    ASSERT_TRUE(cpus.ok());
    EXPECT_EQ((*cpus)[0].processed, 5u);
    EXPECT_EQ((*cpus)[0].backlog, 0u);
}

TEST(Softnet, RefusesWhatIsNotNumbers) {
    auto cpus = parse_softnet_stat("00000005 what\n");
    ASSERT_FALSE(cpus.ok());
    EXPECT_THAT(cpus.error().message, ::testing::HasSubstr("what"));
}

}  // namespace
}  // namespace hitless::datapath

// That programs are started as they are to be.
#include "base/process.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace hitless {
namespace {

TEST(Process, ProgramsAreAsNiceAsTheyAreToBeAndOnTheirCpus) {
    auto self = Process::open(::getpid());
    ASSERT_TRUE(self.ok()) << self.error().message;
    auto ours = self->scheduling();
    ASSERT_TRUE(ours.ok()) << ours.error().message;
    ASSERT_FALSE(ours->cpus.empty());
    ProgramOptions options;
    options.scheduling = {ours->nice + 3, {ours->cpus.back()}};
    auto nice = run_checked({"nice"}, options), cpus = run_checked({"nproc"}, options);
    ASSERT_TRUE(nice.ok()) << nice.error().message;
    ASSERT_TRUE(cpus.ok()) << cpus.error().message;
    EXPECT_EQ(*nice, std::to_string(ours->nice + 3) + "\n");
    EXPECT_EQ(*cpus, "1\n");
    EXPECT_EQ(*self->scheduling(), *ours) << "it is the program's alone";
}

}  // namespace
}  // namespace hitless

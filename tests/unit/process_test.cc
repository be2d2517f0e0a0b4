// That programs are started as they are to be, and threads go before others.
#include "base/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <future>
#include <memory>
#include <thread>

#include "base/precedence.h"

namespace hitless {
namespace {

using testing::AllOf;
using testing::HasSubstr;

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

TEST(Process, ProgramsGetOurEnvironmentOrOnlyAnother) {
    ASSERT_EQ(::setenv("OURS", "1", 1), 0);
    ASSERT_EQ(::setenv("BOTH", "1", 1), 0);
    ProgramOptions options;
    options.environment = {{"BOTH", "2"}, {"THEIRS", "2"}};
    auto output = run_checked({"env"}, options);
    ASSERT_TRUE(output.ok()) << output.error().message;
    EXPECT_THAT(*output, AllOf(HasSubstr("OURS=1\n"), HasSubstr("BOTH=2\n"), HasSubstr("THEIRS=2\n")));
    options.only_this_environment = true;
    output = run_checked({"env"}, options);
    ASSERT_TRUE(output.ok()) << output.error().message;
    EXPECT_EQ(*output, "BOTH=2\nTHEIRS=2\n");
}

// Also where it ends in another thread.
TEST(Precedence, AThreadGoesFirstWhileItLasts) {
    if (::geteuid()) {
        GTEST_SKIP() << "only root can be less nice";
    }
    auto niceness = [] { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())); };
    int before = niceness();
    auto precedence = std::make_unique<Precedence>();
    EXPECT_EQ(niceness(), -20);
    std::thread([&] { precedence.reset(); }).join();
    EXPECT_EQ(niceness(), before);
}

TEST(Process, BelongsToAUserAsWhomItCanAct) {
    EXPECT_EQ(*Process::open(::getpid())->user(), ::getuid());
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root can become another user";
    }
    pid_t child = ::fork();
    if (child == 0) {
        ::setresuid(65'534, 0, 0);   // as a program with the set-user-ID bit, which whoever has started it may influence
        ::raise(SIGSTOP);
        ::_exit(0);
    }
    int status;
    ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
    auto process = Process::open(child);
    auto user = process->user();
    EXPECT_TRUE(process->signal(SIGKILL).ok());
    EXPECT_TRUE(process->wait_end(std::chrono::seconds(5)).ok());
    ASSERT_TRUE(user.ok()) << user.error().message;
    EXPECT_EQ(*user, 65'534u);
}

TEST(Process, AllThreadsOfAProcessAreMadeNice) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    pid_t child = ::fork();
    if (child == 0) {
        std::promise<int> tid, end;
        std::thread thread([&] {
            tid.set_value(static_cast<int>(::syscall(SYS_gettid)));
            end.get_future().wait();
        });
        int id = tid.get_future().get();
        (void) !::write(ends[1], &id, sizeof id);
        thread.join();   // until it is killed
    }
    int thread = 0;
    ASSERT_EQ(::read(ends[0], &thread, sizeof thread), static_cast<ssize_t>(sizeof thread));
    auto process = Process::open(child);
    EXPECT_TRUE(process->set_nice(7));
    EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(child)), 7);
    EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(thread)), 7);
    EXPECT_TRUE(process->signal(SIGKILL));
    ::waitpid(child, nullptr, 0);
    EXPECT_FALSE(process->set_nice(7));
    ::close(ends[0]);
    ::close(ends[1]);
}

}  // namespace
}  // namespace hitless

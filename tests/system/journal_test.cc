// The journal in a real ovsdb-server beside the database Open_vSwitch, as the operator's.
#include "journal/journal.h"

#include <gmock/gmock.h>

#include <future>
#include <thread>

#include "base/process.h"
#include "ovsdb_lab.h"

namespace hitless::journal {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

#define ASSERT_OK(EXPRESSION)                                   \
    do {                                                        \
        auto&& status_ = (EXPRESSION);                          \
        ASSERT_TRUE(status_) << status_.error().message;        \
    } while (0)

class JournalTest : public testing::Test {
  protected:
    void SetUp() override {
        lab_.create_database();
        open();
    }
    void open() {
        Options options;
        options.server = lab_.socket();
        options.server_pidfile = lab_.server_pidfile();
        options.file = lab_.directory() + "/hitless.db";
        options.schema = HITLESS_SCHEMA;
        options.limit = 5s;
        options.server_age = server_age_;
        options.clock = {[this] { return now_; }, [this] { return now_; }};
        auto opened = Journal::open(options);
        ASSERT_OK(opened);
        journal_ = std::move(*opened);
    }
    // As the server has it, by another client.
    std::string dump() { return lab_.ovsdb_client("dump unix:" + lab_.socket() + " hitless"); }
    OperationRecord newest() {
        auto history = journal_->history(1);
        EXPECT_TRUE(history) << history.error().message;
        EXPECT_EQ(history->size(), 1u);
        return history->at(0);
    }
    test::OvsdbLab lab_;
    microseconds now_ = 1700000000s;
    std::chrono::milliseconds server_age_{0};
    std::unique_ptr<Journal> journal_;
};

// As ovs-vsctl, which ovs-ctl runs when it has started the server, may be: it fails when its session ends.
TEST_F(JournalTest, WhoHasJustStartedTheServerIsNotDisturbed) {
    lab_.stop_server();
    lab_.start_server();
    auto session = std::async(std::launch::async, [this] {
        ProgramOptions options;
        options.limit = 8s;
        return run_program({"ovsdb-client", "--no-db-change-aware", "monitor", "unix:" + lab_.socket(), "Open_vSwitch", "Open_vSwitch"}, options);
    });
    std::this_thread::sleep_for(200ms);
    server_age_ = 1500ms;
    open();
    auto age = Process::from_pidfile(lab_.server_pidfile())->age();
    ASSERT_OK(age);
    EXPECT_GE(*age, server_age_);
    EXPECT_EQ(session.wait_for(3s), std::future_status::ready);   // else this test tells nothing
}

TEST_F(JournalTest, NewDatabaseIsIdleWithBothInstancesOffline) {
    auto overview = journal_->overview();
    ASSERT_OK(overview);
    EXPECT_EQ(overview->state, "idle");
    ASSERT_EQ(overview->instances.size(), 2u);
    EXPECT_EQ(overview->instances[Side::B].role, "offline");
    auto history = journal_->history(10);
    ASSERT_OK(history);
    EXPECT_THAT(*history, IsEmpty());
}

TEST_F(JournalTest, OpeningAgainKeepsWhatIsThere) {
    ASSERT_OK(journal_->begin("failover", ""));
    ASSERT_OK(journal_->set_state("failed-over"));
    journal_.reset();
    open();
    EXPECT_EQ(newest().command, "failover");
    EXPECT_EQ(journal_->overview()->state, "failed-over");
    EXPECT_FALSE(journal_->message("A", "B", "activate", ""));   // not its operation
    ASSERT_OK(journal_->resume(1));
    ASSERT_OK(journal_->message("A", "B", "activate", ""));
    ASSERT_OK(journal_->end("failed", "daemon died", {}));
    EXPECT_EQ(newest().error, "daemon died");
    EXPECT_FALSE(journal_->resume(1));
    auto next = journal_->begin("rollback", "");
    ASSERT_OK(next);
    EXPECT_EQ(*next, 2);
}

// Whoever may write to the database may write any number.
TEST_F(JournalTest, ANumberAfterWhichThereIsNoneIsRefused) {
    auto count_on_from = [this](const std::string& number) {
        lab_.ovsdb_client_transact(lab_.socket(), R"(["hitless",{"op":"update","table":"Hitless","where":[],"row":{"next_number":)" +
                                                      number + "}}]");
        journal_.reset();
        open();
    };
    count_on_from("9223372036854775807");
    auto begun = journal_->begin("upgrade", "");
    ASSERT_FALSE(begun);
    EXPECT_THAT(begun.error().message, HasSubstr("next_number 9223372036854775807 leaves no number"));
    count_on_from("7");
    begun = journal_->begin("upgrade", "");
    ASSERT_OK(begun);
    EXPECT_EQ(*begun, 7);
}

TEST_F(JournalTest, WholeOperationIsReadBackAsItWasWritten) {
    ASSERT_OK(journal_->begin("upgrade", "/new.deb"));
    ASSERT_OK(journal_->set_versions("3.1.0", "3.3.0", "abc"));
    ASSERT_OK(journal_->phase_begin("preflight"));
    now_ += 1500us;
    ASSERT_OK(journal_->phase_end({}));
    ASSERT_OK(journal_->phase_begin("hold", {{"sysctl x", "1"}}));
    ASSERT_OK(journal_->add_host_change("sysctl x", "2"));   // the first one is the one to restore
    ASSERT_OK(journal_->add_host_change("link y", "down"));
    now_ += 20ms;
    ASSERT_OK(journal_->message("operator", "A", "failover", "text"));
    ASSERT_OK(journal_->message("A", "B", "activate", ""));
    ASSERT_OK(journal_->transfer({"flows", Side::A, 10, 9, 1, 2, 300us, 250us}));
    ASSERT_OK(journal_->counters({Side::A, "br0", 1, 2, 3, ""}));
    ASSERT_OK(journal_->counters({Side::B, "br0", 1, 1, 60, "/b"}));
    ASSERT_OK(journal_->counters({Side::A, "br0", 5, 700, 90000, "/a"}));   // by the next daemon
    ASSERT_OK(journal_->warning("w2"));
    ASSERT_OK(journal_->warning("w1"));
    ASSERT_OK(journal_->warning("w1"));
    ASSERT_OK(journal_->phase_end(make_error("no drain")));
    now_ += 1s;
    ASSERT_OK(journal_->end("rolled-back", "no drain", {7, 1, 1234us}));

    OperationRecord record = newest();
    EXPECT_EQ(record.number, 1);
    EXPECT_EQ(record.state, "rolled-back");
    EXPECT_EQ(record.from_version + record.to_version + record.source + record.sha256, "3.1.03.3.0/new.debabc");
    EXPECT_EQ(record.error, "no drain");
    EXPECT_EQ(record.began, 1700000000s);
    EXPECT_EQ(*record.ended, 1700000001021ms);
    EXPECT_EQ(record.packets.held, 7u);
    EXPECT_EQ(record.packets.dropped, 1u);
    EXPECT_EQ(record.packets.blackout, 1234us);
    EXPECT_THAT(record.warnings, ElementsAre("w1", "w2"));
    ASSERT_EQ(record.phases.size(), 2u);
    EXPECT_EQ(record.phases[0].state, "done");
    EXPECT_EQ(record.phases[0].duration, 1500us);
    EXPECT_EQ(record.phases[1].state, "failed");
    EXPECT_EQ(record.phases[1].error, "no drain");
    EXPECT_EQ(record.phases[1].duration, 20ms);
    EXPECT_THAT(record.phases[1].host_changes, ElementsAre(Pair("link y", "down"), Pair("sysctl x", "1")));
    ASSERT_EQ(record.messages.size(), 2u);
    EXPECT_EQ(record.messages[0].verb, "failover");
    EXPECT_EQ(record.messages[1].time, 1700000000s + 21500us);
    ASSERT_EQ(record.transfers.size(), 1u);
    EXPECT_EQ(record.transfers[0].kind, "flows");
    EXPECT_EQ(record.transfers[0].delta, 2u);
    EXPECT_EQ(record.transfers[0].longest_request, 250us);
    ASSERT_EQ(record.counters.size(), 2u);
    EXPECT_EQ(record.counters[0].bridge, "br0");
    EXPECT_EQ(record.counters[0].flows, 5u);
    EXPECT_EQ(record.counters[0].packets, 700u);
    EXPECT_EQ(record.counters[0].bytes, 90000u);
    EXPECT_EQ(record.counters[0].file, "/a");
    EXPECT_EQ(record.counters[1].instance, Side::B);
}

TEST_F(JournalTest, PhaseIsInTheDatabaseBeforeItActs) {
    ASSERT_OK(journal_->begin("upgrade", "installed"));
    ASSERT_OK(journal_->phase_begin("reprogram", {{"binary", "old"}}));
    EXPECT_THAT(dump(), HasSubstr("reprogram"));
    EXPECT_THAT(dump(), HasSubstr("{binary=old}"));
}

TEST_F(JournalTest, WhatIsHeldBackIsWrittenByFlushWithTheTimeWhenItHappened) {
    ASSERT_OK(journal_->begin("failover", ""));
    journal_->hold_back();
    ASSERT_OK(journal_->message("A", "B", "activate", "held back"));
    ASSERT_OK(journal_->phase_begin("commit"));
    now_ += 3ms;
    ASSERT_OK(journal_->phase_end({}));
    EXPECT_THAT(dump(), testing::Not(HasSubstr("held back")));
    now_ += 1h;
    ASSERT_OK(journal_->flush());
    EXPECT_THAT(dump(), HasSubstr("held back"));
    EXPECT_EQ(newest().messages[0].time, 1700000000s);
    EXPECT_EQ(newest().phases[0].duration, 3ms);
    ASSERT_OK(journal_->warning("at once again"));
    EXPECT_THAT(dump(), HasSubstr("at once again"));
}

TEST_F(JournalTest, HeldBackCallsDoNotNeedTheServer) {
    ASSERT_OK(journal_->begin("failover", ""));
    journal_->hold_back();
    lab_.stop_server();
    auto began = std::chrono::steady_clock::now();
    ASSERT_OK(journal_->message("A", "B", "activate", "while it was away"));
    EXPECT_LT(std::chrono::steady_clock::now() - began, 50ms);
    lab_.start_server();
    ASSERT_OK(journal_->flush());
    EXPECT_THAT(dump(), HasSubstr("while it was away"));
}

TEST_F(JournalTest, RestartedServerIsGivenTheDatabaseAgain) {
    ASSERT_OK(journal_->begin("upgrade", "installed"));
    ASSERT_OK(journal_->phase_begin("copy"));
    lab_.stop_server();
    lab_.start_server();
    EXPECT_THAT(lab_.server_appctl("ovsdb-server/list-dbs"), testing::Not(HasSubstr("hitless")));
    ASSERT_OK(journal_->phase_end({}));
    ASSERT_OK(journal_->phase_begin("verify"));
    EXPECT_THAT(lab_.server_appctl("ovsdb-server/list-dbs"), HasSubstr("hitless"));
    ASSERT_EQ(newest().phases.size(), 2u);
    EXPECT_EQ(newest().phases[0].state, "done");
}

TEST_F(JournalTest, AbsentServerIsAnErrorAndTheWriteIsMadeUpFor) {
    ASSERT_OK(journal_->begin("upgrade", "installed"));
    lab_.stop_server();
    auto status = journal_->warning("missed");
    ASSERT_FALSE(status);
    EXPECT_THAT(status.error().message, HasSubstr("ovsdb-server.pid"));
    lab_.start_server();
    ASSERT_OK(journal_->set_state("upgrading"));
    EXPECT_THAT(newest().warnings, ElementsAre("missed"));
}

TEST_F(JournalTest, ConfigurationIsTheOperators) {
    EXPECT_EQ(journal_->config()->soak.length, 5s);
    lab_.ovsdb_client_transact(lab_.socket(),
                               R"(["hitless",{"op":"update","table":"Hitless","where":[],"row":{"other_config":["map",[["soak-s","9"]]]}}])");
    EXPECT_EQ(journal_->config()->soak.length, 9s);
    lab_.ovsdb_client_transact(lab_.socket(),
                               R"(["hitless",{"op":"update","table":"Hitless","where":[],"row":{"other_config":["map",[["soak-s","x"]]]}}])");
    EXPECT_THAT(journal_->config().error().message, HasSubstr("soak-s: \"x\" is not a number from 0 to 86400"));
}

TEST_F(JournalTest, HistoryKeepsTheNewest) {
    lab_.ovsdb_client_transact(lab_.socket(),
                               R"(["hitless",{"op":"update","table":"Hitless","where":[],"row":{"other_config":["map",[["history-max","3"]]]}}])");
    for (int i = 1; i <= 5; i++) {
        auto number = journal_->begin("standby", "");
        ASSERT_OK(number);
        EXPECT_EQ(*number, i);
        ASSERT_OK(journal_->phase_begin("standby"));
        ASSERT_OK(journal_->end("done", "", {}));
    }
    auto history = journal_->history(10);
    ASSERT_OK(history);
    ASSERT_EQ(history->size(), 3u);
    EXPECT_EQ(history->front().number, 5);
    EXPECT_EQ(history->back().number, 3);
    EXPECT_EQ(journal_->history(1)->size(), 1u);
}

TEST_F(JournalTest, InstancesAndReleases) {
    ASSERT_OK(journal_->set_instance(Side::A, {"active", 42, "3.1.0", "/usr/sbin/ovs-vswitchd", "/run/openvswitch", ""}));
    ASSERT_OK(journal_->set_instance(Side::B, {"standby", 43, "3.3.0", "/b", "/run/b", "hitless-b"}));
    ASSERT_OK(journal_->set_instance(Side::B, {}));
    ASSERT_OK(journal_->set_releases({{"3.1.0", "3.1.0-2", "s", "d1", "/k1", 2s}, {"3.0.0", "", "s", "d0", "/k0", 1s}}));
    auto overview = journal_->overview();
    ASSERT_OK(overview);
    EXPECT_EQ(overview->instances[Side::A].pid, 42);
    EXPECT_EQ(overview->instances[Side::B].pid, std::nullopt);
    EXPECT_EQ(overview->instances[Side::B].role, "offline");
    ASSERT_EQ(overview->releases.size(), 2u);
    EXPECT_EQ(overview->releases[0].sha256, "d0");
    ASSERT_OK(journal_->set_releases({}));
    EXPECT_THAT(journal_->overview()->releases, IsEmpty());
}

TEST_F(JournalTest, WordThatTheSchemaDoesNotKnowIsRefused) {
    auto number = journal_->begin("dance", "");
    ASSERT_FALSE(number);
    EXPECT_THAT(number.error().message, HasSubstr("dance"));
    ASSERT_OK(journal_->begin("upgrade", ""));   // and does no harm
}

}  // namespace
}  // namespace hitless::journal

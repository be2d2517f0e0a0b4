// The operator's database and B's: client, what is read of a switch, the copy, and the replicator. B has an ovs-vswitchd; A has
// one in the tests that need its status, and none where it would be frozen.
#include <gmock/gmock.h>

#include <mutex>
#include <thread>

#include "ovsdb/client.h"
#include "ovsdb/clone.h"
#include "ovsdb/replicator.h"
#include "ovsdb/statistics_watch.h"
#include "ovsdb/switch_config.h"
#include "ovsdb_lab.h"

namespace hitless::ovsdb {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::OvsdbLab;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

#define ASSERT_OK(EXPRESSION)                                   \
    do {                                                        \
        auto&& status_ = (EXPRESSION);                          \
        ASSERT_TRUE(status_) << status_.error().message;        \
    } while (0)

Client connect(const OvsdbLab& lab) {
    auto client = Client::connect(lab.socket());
    EXPECT_TRUE(client) << client.error().message;
    return std::move(*client);
}

bool eventually(const std::function<bool()>& condition, milliseconds limit = seconds(5)) {
    auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        std::this_thread::sleep_for(milliseconds(10));
    }
    return true;
}

// A's switch: two bridges, one of them with controllers and a few kinds of ports.
void configure(const OvsdbLab& a) {
    a.vsctl("add-br br0 -- set bridge br0 datapath_type=dummy other_config:x=y -- add-br br1 -- set bridge br1 datapath_type=dummy");
    a.vsctl("add-port br0 p1 tag=5 -- set interface p1 ofport_request=7 -- add-port br0 p2 "
            "-- add-port br0 t1 -- set interface t1 type=internal");
    a.vsctl("set-fail-mode br0 standalone -- set bridge br0 controller=@c,@d "
            "-- --id=@c create controller target=\"tcp:127.0.0.1:1\" connection_mode=out-of-band "
            "-- --id=@d create controller target=\"tcp:127.0.0.1:2\" connection_mode=out-of-band");
    a.vsctl("--no-wait set open . other_config:flow-restore-wait=true other_config:keep=1");
    a.vsctl("--no-wait set-manager ptcp:0");
}

class Databases : public testing::Test {
  protected:
    void start_a() {
        a_.create_database();
        a_.start_switch();
        configure(a_);
    }
    void copy() {
        ASSERT_OK(make_clone({.server = a_.socket(), .file = b_.database(), .schema = {}}));
        b_.start_server();
    }
    // A, and B running on its copy.
    void start_both() {
        start_a();
        copy();
        auto a = connect(a_), b = connect(b_);
        auto config = read_switch_config(a);
        ASSERT_OK(config);
        auto plan = plan_clone(*config, b_.directory());
        ASSERT_OK(plan);
        ASSERT_OK(prepare(b, *plan));
        b_.start_switch();
        ASSERT_OK(wait_configured(b, seconds(10)));
    }
    OvsdbLab a_, b_;
};

TEST_F(Databases, ClientListsDatabasesAndReadsTheSchema) {
    a_.create_database();
    auto client = connect(a_);
    auto names = client.list_dbs();
    ASSERT_OK(names);
    EXPECT_THAT(*names, Contains("Open_vSwitch"));
    auto schema = client.get_schema("Open_vSwitch");
    ASSERT_OK(schema);
    EXPECT_TRUE((*schema)["tables"].isMember("Bridge"));
    EXPECT_THAT(client.get_schema("none").error().message, HasSubstr("unknown database"));
}

TEST_F(Databases, RefusedTransactionChangesNothingAndNamesTheOperation) {
    a_.create_database();
    auto client = connect(a_);
    Json::Value good, bad;
    good["next_cfg"] = 77;
    bad["no_such_column"] = 1;
    auto result = client.transact("Open_vSwitch", {update("Open_vSwitch", Json::arrayValue, good),
                                                   update("Open_vSwitch", Json::arrayValue, bad)});
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message, HasSubstr("operation 2 (update Open_vSwitch)"));
    EXPECT_NE(a_.vsctl("get open . next_cfg"), "77");
}

TEST_F(Databases, MonitorDeliversChangesAndTimesOut) {
    a_.create_database();
    auto client = connect(a_);
    Json::Value requests;
    requests["Open_vSwitch"]["columns"].append("next_cfg");
    ASSERT_OK(client.monitor("Open_vSwitch", requests));
    auto nothing = client.next_update(milliseconds(50));
    ASSERT_OK(nothing);
    EXPECT_FALSE(nothing->has_value());
    a_.vsctl("--no-wait set open . next_cfg=41");
    auto update = client.next_update(seconds(5));
    ASSERT_OK(update);
    ASSERT_TRUE(update->has_value());
    EXPECT_EQ((*(**update)["Open_vSwitch"].begin())["new"]["next_cfg"], 41);
}

TEST_F(Databases, LostServerIsAnErrorNotAHang) {
    a_.create_database();
    auto client = connect(a_);
    a_.stop_server();
    EXPECT_THAT(client.list_dbs().error().message, HasSubstr("connection lost"));
    EXPECT_FALSE(Client::connect(a_.socket()));
}

TEST_F(Databases, SwitchConfigSaysAllThatAnUpgradeMustKnow) {
    start_a();
    auto client = connect(a_);
    auto config = read_switch_config(client);
    ASSERT_OK(config);
    EXPECT_FALSE(config->schema_version.empty());
    EXPECT_EQ(config->cur_cfg, 3);
    EXPECT_TRUE(config->has_managers);
    ASSERT_EQ(config->bridges.size(), 2u);
    const BridgeConfig& bridge = config->bridges[0];
    EXPECT_EQ(bridge.name, "br0");
    EXPECT_EQ(bridge.datapath_type, "dummy");
    EXPECT_EQ(bridge.fail_mode, "standalone");
    ASSERT_TRUE(bridge.datapath_id);
    EXPECT_EQ(bridge.datapath_id->size(), 16u);
    ASSERT_EQ(bridge.controllers.size(), 2u);
    ASSERT_EQ(bridge.ports.size(), 4u);
    EXPECT_EQ(bridge.ports[1].name, "p1");
    EXPECT_EQ(bridge.ports[1].tag, 5);
    EXPECT_EQ(bridge.ports[1].interfaces[0].ofport, 7);
    EXPECT_EQ(bridge.ports[3].interfaces[0].type, "internal");
}

TEST_F(Databases, NoBridgeLeadsOutOfTheRunDirectory) {
    a_.create_database();
    a_.vsctl("--no-wait add-br br0");
    a_.vsctl("--no-wait -- --id=@b create bridge name=../../br1 -- add open . bridges @b");
    auto client = connect(a_);
    auto config = read_switch_config(client);
    ASSERT_OK(config);
    ASSERT_EQ(config->bridges.size(), 1u);
    EXPECT_EQ(config->bridges[0].name, "br0");
}

TEST_F(Databases, WaitSaysWhatIsMissing) {
    a_.create_database();
    a_.vsctl("--no-wait add-br br0 -- set open . next_cfg=1");
    auto client = connect(a_);
    auto status = wait_configured(client, milliseconds(100));
    ASSERT_FALSE(status);
    EXPECT_THAT(status.error().message, HasSubstr("cur_cfg 0 of 1"));
    EXPECT_THAT(status.error().message, HasSubstr("br0"));
}

TEST_F(Databases, CloneRunsWithTheSamePortNumbersAndDatapathIdAndParkedControllers) {
    start_both();
    for (const char* query : {"get bridge br0 datapath_id", "get bridge br1 datapath_id", "get interface p1 ofport",
                              "get interface p2 ofport", "get interface t1 ofport", "get interface br0 mac_in_use"}) {
        EXPECT_EQ(b_.vsctl(query), a_.vsctl(query)) << query;
    }
    EXPECT_EQ(a_.vsctl("get bridge br0 _uuid"), b_.vsctl("get bridge br0 _uuid"));
    EXPECT_EQ(b_.vsctl("get open . other_config"), "{keep=\"1\"}");
    EXPECT_EQ(b_.vsctl("get open . manager_options"), "[]");
    EXPECT_EQ(b_.vsctl("get bridge br0 fail_mode"), "secure");
    EXPECT_THAT(b_.vsctl("get-controller br0"), HasSubstr("unix:" + b_.directory() + "/br0.1.parked"));
    EXPECT_EQ(b_.vsctl("get controller " + b_.vsctl("get bridge br0 controller").substr(1, 36) + " connection_mode"),
              "out-of-band");
    EXPECT_EQ(b_.vsctl("get bridge br1 fail_mode"), "[]");
}

TEST_F(Databases, CloneHasNoStatusOfA) {
    start_a();
    ASSERT_NE(a_.vsctl("get interface p1 link_state"), "[]");
    copy();
    EXPECT_EQ(b_.vsctl("get interface p1 link_state"), "[]");
    EXPECT_EQ(b_.vsctl("get interface p1 statistics"), "{}");
}

TEST_F(Databases, CloneIsConvertedToTheSchemaOfB) {
    start_a();
    ASSERT_OK(make_clone({.server = a_.socket(), .file = b_.database(),
                          .schema = "/usr/share/openvswitch/vswitch.ovsschema"}));
    b_.start_server();
    EXPECT_EQ(b_.vsctl("get interface p1 ofport"), "7");
    auto refused = make_clone({.server = a_.socket(), .file = b_.directory() + "/x.db", .schema = "/nonexistent"});
    EXPECT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("/nonexistent"));
    EXPECT_NE(::access((b_.directory() + "/x.db").c_str(), F_OK), 0);
}

TEST_F(Databases, ControllersAreSwappedInOneTransaction) {
    start_both();
    auto b = connect(b_);
    std::string rows = b_.vsctl("get bridge br0 controller");
    ASSERT_OK(set_controllers(b, "br0", {"unix:" + b_.directory() + "/r0", "unix:" + b_.directory() + "/r1"}, "standalone"));
    EXPECT_EQ(b_.vsctl("get bridge br0 controller"), rows);   // the same rows: their other settings stay
    EXPECT_THAT(b_.vsctl("get-controller br0"), HasSubstr("/r1"));
    EXPECT_EQ(b_.vsctl("get bridge br0 fail_mode"), "standalone");
    ASSERT_OK(set_controllers(b, "br0", {}, std::nullopt));
    EXPECT_EQ(b_.vsctl("get-controller br0"), "");
    EXPECT_EQ(b_.vsctl("get bridge br0 fail_mode"), "[]");
    EXPECT_FALSE(set_controllers(b, "br9", {}, std::nullopt));
}

// Two databases without switches: what switches write is written by the test.
class Statistics : public Databases {
  protected:
    void SetUp() override {
        for (auto* lab : {&a_, &b_}) {
            lab->create_database();
            lab->vsctl("--no-wait add-br br0");
        }
        auto started = StatisticsWatch::start({a_.socket(), b_.socket()}, seconds(5));
        ASSERT_OK(started);
        watch_ = std::move(*started);
    }
    static void write(const OvsdbLab& lab, int packets) {
        lab.vsctl("--no-wait set interface br0 statistics:rx_packets=" + std::to_string(packets));
    }
    bool is_near() {
        return eventually([&] { return watch_->near(); }, milliseconds(300));
    }
    std::unique_ptr<StatisticsWatch> watch_;
};

TEST_F(Statistics, ThatOneOfTheSwitchesWritesAreSeen) {
    EXPECT_FALSE(watch_->near());
    write(b_, 1);
    EXPECT_TRUE(is_near());
    EXPECT_TRUE(eventually([&] { return !watch_->near(); }, seconds(1)));
    write(a_, 1);
    EXPECT_TRUE(is_near());
}

TEST_F(Statistics, AreNotTheOnlyThingThatChanges) {
    a_.vsctl("--no-wait add-port br0 p1 -- set interface br0 external_ids:a=b");
    EXPECT_FALSE(is_near());
}

TEST_F(Statistics, AreSeenInOneDatabaseWhenTheOtherIsGone) {
    a_.stop_server();
    EXPECT_FALSE(is_near());
    write(b_, 1);
    EXPECT_TRUE(is_near());
}

// As where a service restarts the switch with its database.
TEST_F(Statistics, AreSeenAgainWhenTheDatabaseIsBack) {
    a_.stop_server();
    a_.start_server();
    int packets = 0;
    EXPECT_TRUE(eventually([&] {
        write(a_, ++packets);
        return watch_->near();
    }, seconds(5)));
}

TEST_F(Statistics, AreNotWatchedWhereNobodyAnswers) {
    b_.stop_server();
    auto started = StatisticsWatch::start({a_.socket(), b_.socket()}, seconds(5));
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().message, HasSubstr(b_.socket()));
}

// B active: A's vswitchd is stopped, and whatever the operator asks for is B's to do.
class Replication : public Databases {
  protected:
    void SetUp() override {
        start_both();
        auto a = Process::from_pidfile(a_.directory() + "/ovs-vswitchd.pid");
        ASSERT_OK(a);
        ASSERT_OK(a->signal(SIGSTOP));
    }
    void start() {
        ReplicatorOptions options;
        options.operators_server = a_.socket();
        options.b_server = b_.socket();
        options.port_added = [this](const std::string& name, bool is_tap) -> Status {
            std::lock_guard lock(mutex_);
            // The leg comes before the row.
            bool row = !b_.vsctl("--bare --columns=name find interface name=" + name).empty();
            events_.push_back((is_tap ? "tap " : "add ") + name + (row ? " late" : ""));
            return name == "bad" ? Status(make_error("no leg for {}", name)) : Status();
        };
        options.port_removed = [this](const std::string& name) {
            std::lock_guard lock(mutex_);
            events_.push_back("del " + name);
        };
        options.problem = [this](const std::string& text) {
            std::lock_guard lock(mutex_);
            events_.push_back("problem " + text);
        };
        auto started = Replicator::start(std::move(options));
        ASSERT_OK(started);
        replicator_ = std::move(*started);
    }
    std::vector<std::string> events() {
        std::lock_guard lock(mutex_);
        return events_;
    }
    std::mutex mutex_;
    std::vector<std::string> events_;
    std::unique_ptr<Replicator> replicator_;
};

TEST_F(Replication, AddPortWorksAndReturnsAsIfAForwarded) {
    start();
    a_.vsctl("add-port br0 new1 -- set interface new1 ofport_request=33");   // waits for cur_cfg, at most 10 s
    EXPECT_EQ(a_.vsctl("get interface new1 ofport"), "33");
    EXPECT_EQ(b_.vsctl("get interface new1 ofport"), "33");
    EXPECT_EQ(a_.vsctl("get interface new1 _uuid"), b_.vsctl("get interface new1 _uuid"));
    EXPECT_NE(a_.vsctl("get interface new1 mac_in_use"), "[]");
    a_.vsctl("add-port br0 tap1 -- set interface tap1 type=internal");
    a_.vsctl("del-port br0 new1");
    EXPECT_EQ(b_.vsctl("--bare --columns=name find interface name=new1"), "");
    ASSERT_OK(replicator_->stop());
    EXPECT_THAT(events(), ElementsAre("add new1", "tap tap1", "del new1"));
}

TEST_F(Replication, WithoutItTheOperatorWaitsInVain) {
    EXPECT_THROW(a_.vsctl("--timeout=1 add-port br0 new1"), std::runtime_error);
}

TEST_F(Replication, CarriesWhatChangedBeforeItsStart) {
    a_.vsctl("--no-wait add-port br0 early -- del-port br0 p2");
    start();
    EXPECT_EQ(b_.vsctl("--bare --columns=name find port name=early"), "early");
    EXPECT_EQ(b_.vsctl("--bare --columns=name find port name=p2"), "");
    EXPECT_THAT(events(), ElementsAre("add early", "del p2"));
}

TEST_F(Replication, CurCfgComesOnlyOnceBHasTakenTheChange) {
    start();
    auto b = Process::from_pidfile(b_.directory() + "/ovs-vswitchd.pid");
    ASSERT_OK(b);
    ASSERT_OK(b->signal(SIGSTOP));
    EXPECT_THROW(a_.vsctl("--timeout=1 add-port br0 new1"), std::runtime_error);
    EXPECT_EQ(b_.vsctl("--bare --columns=name find port name=new1"), "new1");   // carried, but not taken
    EXPECT_LT(std::stoi(a_.vsctl("get open . cur_cfg")), std::stoi(a_.vsctl("get open . next_cfg")));
    auto stopped = replicator_->stop();
    ASSERT_FALSE(stopped);
    EXPECT_THAT(stopped.error().message, HasSubstr("has not taken"));
    ASSERT_OK(b->signal(SIGCONT));
}

TEST_F(Replication, WhatIsBsOwnStaysAndTheRestFollows) {
    start();
    std::string parked = b_.vsctl("get-controller br0"), pinned = b_.vsctl("get bridge br0 other_config:datapath-id");
    a_.vsctl("set-controller br0 tcp:127.0.0.1:9 -- set-fail-mode br0 standalone -- set bridge br0 other_config:x=z "
             "-- set open . other_config:flow-restore-wait=true -- set port p1 tag=9");
    EXPECT_EQ(b_.vsctl("get port p1 tag"), "9");
    EXPECT_EQ(b_.vsctl("get bridge br0 other_config:x"), "z");
    EXPECT_EQ(b_.vsctl("get bridge br0 other_config:datapath-id"), pinned);
    EXPECT_EQ(b_.vsctl("get-controller br0"), parked);
    EXPECT_EQ(b_.vsctl("get bridge br0 fail_mode"), "secure");
    EXPECT_EQ(b_.vsctl("get open . other_config"), "{keep=\"1\"}");
    EXPECT_EQ(b_.vsctl("get open . manager_options"), "[]");
    ASSERT_OK(replicator_->stop());
    EXPECT_THAT(events(), IsEmpty());
}

TEST_F(Replication, BridgesQosAndMirrorsFollow) {
    start();
    a_.vsctl("add-br br2 -- set bridge br2 datapath_type=dummy");
    a_.vsctl("-- set port p1 qos=@q -- --id=@q create qos type=linux-htb queues:1=@u -- --id=@u create queue other_config:max-rate=1000000");
    a_.vsctl("-- --id=@m create mirror name=m1 -- --id=@p get port p1 -- set mirror m1 output_port=@p -- add bridge br0 mirrors @m");
    EXPECT_EQ(b_.vsctl("get bridge br2 datapath_id"), a_.vsctl("get bridge br2 datapath_id"));
    EXPECT_EQ(b_.vsctl("--bare --columns=type list qos"), "linux-htb");
    EXPECT_EQ(b_.vsctl("--bare --columns=name list mirror"), "m1");
    EXPECT_EQ(b_.vsctl("get port p1 qos"), "[]");   // that of A's device acts
    a_.vsctl("clear port p1 qos -- clear bridge br0 mirrors -- --all destroy qos -- --all destroy queue -- del-br br2");
    EXPECT_EQ(b_.vsctl("list qos"), "");
    EXPECT_EQ(b_.vsctl("list queue"), "");
    EXPECT_EQ(b_.vsctl("list mirror"), "");
    EXPECT_EQ(b_.vsctl("list-br"), "br0\nbr1");
    EXPECT_THAT(events(), ElementsAre("tap br2", "del br2"));
}

TEST_F(Replication, PortWithoutALegIsAddedAllTheSameAndTheProblemSaid) {
    start();
    a_.vsctl("add-port br0 bad");
    EXPECT_EQ(b_.vsctl("--bare --columns=name find port name=bad"), "bad");
    EXPECT_THAT(events(), ElementsAre("add bad", "problem no leg for bad"));
}

TEST_F(Replication, InterfaceErrorsOfBReachTheOperator) {
    start();
    a_.vsctl("add-port br0 odd -- set interface odd type=nosuchtype");
    EXPECT_EQ(a_.vsctl("get interface odd ofport"), "-1");
    EXPECT_THAT(a_.vsctl("get interface odd error"), HasSubstr("could not open network device odd"));
}

TEST_F(Replication, StopCarriesWhatIsPending) {
    start();
    a_.vsctl("--no-wait add-port br0 last -- set open . next_cfg=1000");
    ASSERT_OK(replicator_->stop());
    EXPECT_EQ(b_.vsctl("--bare --columns=name find port name=last"), "last");
    EXPECT_EQ(a_.vsctl("get open . cur_cfg"), "1000");
    a_.vsctl("--no-wait set port last tag=3");
    std::this_thread::sleep_for(milliseconds(200));
    EXPECT_EQ(b_.vsctl("get port last tag"), "[]");   // ended
}

TEST_F(Replication, SurvivesARestartOfTheOperatorsServer) {
    start();
    a_.stop_server();
    ASSERT_TRUE(eventually([&] { return !events().empty(); }));
    EXPECT_THAT(events().front(), HasSubstr("problem ovsdb-server " + a_.socket()));
    a_.start_server();
    a_.vsctl("add-port br0 after");
    EXPECT_EQ(b_.vsctl("--bare --columns=name find port name=after"), "after");
    ASSERT_OK(replicator_->stop());
}

}  // namespace
}  // namespace hitless::ovsdb

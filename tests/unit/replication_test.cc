#include "ovsdb/replication.h"

#include <gmock/gmock.h>
#include <json/reader.h>

#include "ovsdb/values.h"

namespace hitless::ovsdb {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Json::Value parse(const std::string& text) {
    Json::Value value;
    std::string errors;
    std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
    EXPECT_TRUE(reader->parse(text.data(), text.data() + text.size(), &value, &errors)) << errors;
    return value;
}

const Columns configuration = {{"Open_vSwitch", {"next_cfg", "other_config"}},
                               {"Bridge", {"name", "other_config", "fail_mode"}},
                               {"Interface", {"name", "type"}},
                               {"QoS", {"type"}}};
const std::set<std::string> roots = {"Open_vSwitch", "QoS"};

Contents contents(const std::string& text) {
    Contents all;
    apply_updates(all, parse(text));
    return all;
}

TEST(Replication, SameContentsNeedNothingWhateverTheirOrder) {
    auto a = contents(R"({"Bridge":{"b1":{"new":{"name":"br0","fail_mode":["set",[]],
                          "other_config":["map",[["x","1"],["y","2"]]]}}}})");
    auto b = contents(R"({"Bridge":{"b1":{"new":{"name":"br0","fail_mode":["set",[]],
                          "other_config":["map",[["y","2"],["x","1"]]]}}}})");
    EXPECT_THAT(configuration_change(a, b, configuration, roots).operations, IsEmpty());
}

TEST(Replication, PinnedKeysAndFailModeStayBsOwn) {
    auto a = contents(R"({"Bridge":{"b1":{"new":{"name":"br0","fail_mode":"standalone","other_config":["map",[["x","2"]]]}}}})");
    auto b = contents(R"({"Bridge":{"b1":{"new":{"name":"br0","fail_mode":"secure",
                          "other_config":["map",[["x","1"],["datapath-id","0a"],["hwaddr","m"]]]}}}})");
    auto change = configuration_change(a, b, configuration, roots);
    ASSERT_EQ(change.operations.size(), 1u);
    EXPECT_EQ(change.operations[0]["row"],
              parse(R"({"other_config":["map",[["datapath-id","0a"],["hwaddr","m"],["x","2"]]]})"));
}

TEST(Replication, FlowRestoreWaitNeverReachesB) {
    auto a = contents(R"({"Open_vSwitch":{"o":{"new":{"next_cfg":4,"other_config":["map",[["flow-restore-wait","true"]]]}}}})");
    auto b = contents(R"({"Open_vSwitch":{"o":{"new":{"next_cfg":3,"other_config":["map",[]]}}}})");
    auto change = configuration_change(a, b, configuration, roots);
    ASSERT_EQ(change.operations.size(), 1u);
    EXPECT_EQ(change.operations[0]["row"], parse(R"({"next_cfg":4})"));
}

TEST(Replication, NewInterfaceIsInsertedWithItsUuidAndNeedsAPortOnTheHost) {
    auto a = contents(R"({"Interface":{"i1":{"new":{"name":"p1","type":""}},"i2":{"new":{"name":"t1","type":"internal"}},
                          "i3":{"new":{"name":"v1","type":"vxlan"}}}})");
    auto change = configuration_change(a, {}, configuration, roots);
    ASSERT_EQ(change.operations.size(), 3u);
    EXPECT_EQ(change.operations[0], parse(R"({"op":"insert","table":"Interface","uuid":"i1","row":{"name":"p1","type":""}})"));
    EXPECT_THAT(change.added, ElementsAre(HostPort{"p1", false}, HostPort{"t1", true}));
    EXPECT_THAT(change.removed, IsEmpty());
}

TEST(Replication, OnlyRowsOfRootTablesAreDeleted) {
    auto b = contents(R"({"Interface":{"i1":{"new":{"name":"p1","type":""}}},"QoS":{"q1":{"new":{"type":"linux-htb"}}}})");
    auto change = configuration_change({}, b, configuration, roots);
    ASSERT_EQ(change.operations.size(), 1u);
    EXPECT_EQ(change.operations[0]["op"], "delete");
    EXPECT_EQ(change.operations[0]["table"], "QoS");
    EXPECT_THAT(change.removed, ElementsAre(HostPort{"p1", false}));
}

TEST(Replication, InterfaceReplacedUnderItsNameKeepsItsPort) {
    auto a = contents(R"({"Interface":{"i2":{"new":{"name":"p1","type":""}}}})");
    auto b = contents(R"({"Interface":{"i1":{"new":{"name":"p1","type":""}}}})");
    auto change = configuration_change(a, b, configuration, roots);
    EXPECT_THAT(change.added, IsEmpty());
    EXPECT_THAT(change.removed, IsEmpty());
}

const Columns status = {{"Open_vSwitch", {"cur_cfg"}}, {"Interface", {"ofport", "statistics"}}};

TEST(Replication, StatusIsCarriedOnce) {
    auto b = contents(R"({"Interface":{"i1":{"new":{"ofport":5,"statistics":["map",[["rx_packets",1]]]}}}})");
    Contents carried;
    auto operations = status_change(b, b, status, {}, carried);
    ASSERT_EQ(operations.size(), 1u);
    EXPECT_EQ(operations[0]["row"]["ofport"], 5);
    EXPECT_THAT(status_change(b, b, status, {}, carried), IsEmpty());
}

TEST(Replication, StatusOfARowThatTheOperatorDeletedStaysBehind) {
    auto b = contents(R"({"Interface":{"i1":{"new":{"ofport":5,"statistics":["map",[]]}}}})");
    Contents carried;
    EXPECT_THAT(status_change(b, {}, status, {}, carried), IsEmpty());
}

TEST(Replication, WhatAHasTakenStaysTaken) {
    auto b = contents(R"({"Open_vSwitch":{"o":{"new":{"cur_cfg":3}}}})");
    Contents carried = contents(R"({"Open_vSwitch":{"o":{"new":{"cur_cfg":4}}}})");
    EXPECT_THAT(status_change(b, b, status, {}, carried), IsEmpty());
    b = contents(R"({"Open_vSwitch":{"o":{"new":{"cur_cfg":5}}}})");
    EXPECT_EQ(status_change(b, b, status, {}, carried).size(), 1u);
}

TEST(Replication, CountersGoOnFromWhereTheyStood) {
    auto a = contents(R"({"Interface":{"i1":{"new":{"ofport":5,"statistics":["map",[["rx_packets",1000]]]}}}})");
    auto b = contents(R"({"Interface":{"i1":{"new":{"ofport":5,"statistics":["map",[["rx_packets",10],["b_only",3]]]}}}})");
    auto offsets = counter_offsets(a, b);
    b = contents(R"({"Interface":{"i1":{"new":{"ofport":5,"statistics":["map",[["rx_packets",12],["b_only",4]]]}}}})");
    Contents carried = a;
    auto operations = status_change(b, b, status, offsets, carried);
    ASSERT_EQ(operations.size(), 1u);
    EXPECT_EQ(operations[0]["row"], parse(R"({"statistics":["map",[["rx_packets",1002],["b_only",4]]]})"));
}

TEST(Replication, OnlyColumnsOfBothSchemasAreCarriedAndNotWhatIsBsOwn) {
    auto newer = parse(R"({"tables":{"Bridge":{"columns":{"name":{},"controller":{},"brand_new":{},"status":{"ephemeral":true}}},
                           "Controller":{"columns":{"target":{}}},"Brand_New":{"columns":{"x":{}}}}})");
    auto older = parse(R"({"tables":{"Bridge":{"columns":{"name":{},"controller":{},"status":{"ephemeral":true}}},
                           "Controller":{"columns":{"target":{}}}}})");
    auto carried = carried_columns(newer, older);
    EXPECT_EQ(carried.configuration, (Columns{{"Bridge", {"name"}}}));
    EXPECT_EQ(carried.status, (Columns{{"Bridge", {"status"}}}));
    EXPECT_EQ(monitor_requests(carried.configuration), parse(R"({"Bridge":{"columns":["name"]}})"));
}

TEST(Replication, OfControllersTheStatusIsCarriedBackAndNothingElse) {
    auto schema = parse(R"({"tables":{"Bridge":{"columns":{"name":{}}},
                            "Controller":{"columns":{"target":{},"is_connected":{"ephemeral":true}}}}})");
    auto carried = carried_columns(schema, schema);
    EXPECT_EQ(carried.configuration, (Columns{{"Bridge", {"name"}}}));
    EXPECT_EQ(carried.status, (Columns{{"Controller", {"is_connected"}}}));
    EXPECT_EQ(with_rows_of(carried.configuration, carried.status), (Columns{{"Bridge", {"name"}}, {"Controller", {}}}));
}

}  // namespace
}  // namespace hitless::ovsdb

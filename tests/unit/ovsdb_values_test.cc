#include "ovsdb/values.h"

#include <gmock/gmock.h>
#include <json/reader.h>

#include "ovsdb/client.h"
#include "ovsdb/clone.h"
#include "ovsdb/conversion.h"

namespace hitless::ovsdb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

Json::Value parse(const std::string& text) {
    Json::Value value;
    std::string errors;
    std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
    EXPECT_TRUE(reader->parse(text.data(), text.data() + text.size(), &value, &errors)) << errors;
    return value;
}

TEST(OvsdbValues, SetOfOneElementIsSentAsTheElement) {
    EXPECT_THAT(to_strings(parse(R"("a")")), ElementsAre("a"));
    EXPECT_THAT(to_strings(parse(R"(["set",["a","b"]])")), ElementsAre("a", "b"));
    EXPECT_THAT(to_strings(parse(R"(["set",[]])")), IsEmpty());
    EXPECT_THAT(to_integers(parse(R"(["set",[3,-1]])")), ElementsAre(3, -1));
}

TEST(OvsdbValues, ReferencesAreReadAloneAndInASet) {
    EXPECT_THAT(to_uuids(parse(R"(["uuid","u1"])")), ElementsAre("u1"));
    EXPECT_THAT(to_uuids(parse(R"(["set",[["uuid","u1"],["uuid","u2"]]])")), ElementsAre("u1", "u2"));
    EXPECT_THAT(to_uuids(parse(R"(["set",[]])")), IsEmpty());
    EXPECT_EQ(from_uuids({"u1"}), parse(R"(["set",[["uuid","u1"]]])"));
}

TEST(OvsdbValues, OptionalColumns) {
    EXPECT_EQ(to_optional_integer(parse("7")), 7);
    EXPECT_EQ(to_optional_integer(empty_set()), std::nullopt);
    EXPECT_EQ(to_optional_string(Json::Value()), std::nullopt);
    EXPECT_EQ(from_optional(std::nullopt), parse(R"(["set",[]])"));
}

TEST(OvsdbValues, MapsSurviveTheRoundTrip) {
    StringMap map = {{"hwaddr", "02:00:00:00:00:01"}, {"empty", ""}};
    EXPECT_EQ(to_map(from_map(map)), map);
    EXPECT_EQ(from_map({}), parse(R"(["map",[]])"));
    EXPECT_THAT(to_map(parse(R"(["map",[["k","v"]]])")), ElementsAre(Pair("k", "v")));
}

TEST(OvsdbValues, ValueOfAnotherShapeReadsAsEmpty) {
    EXPECT_THAT(to_map(parse(R"(["set",[]])")), IsEmpty());
    EXPECT_THAT(to_integers(parse(R"("text")")), IsEmpty());
    EXPECT_FALSE(to_bool(parse("1")));
}

TEST(OvsdbConversion, LaterIsByNumber) {
    EXPECT_TRUE(is_later("8.10.0", "8.9.1"));
    EXPECT_TRUE(is_later("8.3.1", "8.3"));
    EXPECT_FALSE(is_later("8.3.1", "8.3.1"));
    EXPECT_FALSE(is_later("8.3.0", "8.3.1"));
    EXPECT_FALSE(is_later("7.9.9", "8.0.0"));
}

TEST(OvsdbTransaction, ErrorNamesTheOperation) {
    auto results = transaction_results({select("Bridge"), insert("Port", "u", Json::objectValue)},
                                       parse(R"([{"rows":[]}, {"error":"constraint violation","details":"no interface"}])"));
    ASSERT_FALSE(results);
    EXPECT_EQ(results.error().message, "operation 2 (insert Port): constraint violation: no interface");
}

TEST(OvsdbTransaction, ErrorOfTheWholeComesAfterTheResults) {
    auto results = transaction_results({select("Bridge")},
                                       parse(R"([{"rows":[]}, {"error":"referential integrity violation"}])"));
    ASSERT_FALSE(results);
    EXPECT_EQ(results.error().message, "transaction of 1 operations: referential integrity violation");
}

TEST(OvsdbTransaction, OneResultForEachOperation) {
    auto results = transaction_results({select("Bridge"), select("Port")}, parse(R"([{"rows":[1]}, {"rows":[]}])"));
    ASSERT_TRUE(results);
    EXPECT_EQ((*results)[0]["rows"].size(), 1u);
    EXPECT_FALSE(transaction_results({select("Bridge")}, parse("[]")));
}

SwitchConfig switch_with_one_bridge() {
    SwitchConfig config;
    InterfaceConfig local;
    local.name = "br0";
    local.mac_in_use = "02:00:00:00:00:0a";
    PortConfig port;
    port.name = "br0";
    port.interfaces = {local};
    BridgeConfig bridge;
    bridge.name = "br0";
    bridge.datapath_id = "000002000000000a";
    bridge.ports = {port};
    config.bridges = {bridge};
    return config;
}

TEST(OvsdbClonePlan, BridgeWithoutControllersKeepsItsFailMode) {
    auto plan = plan_clone(switch_with_one_bridge(), "/run/b");
    ASSERT_TRUE(plan);
    EXPECT_EQ((*plan)["br0"].datapath_id, "000002000000000a");
    EXPECT_EQ((*plan)["br0"].hwaddr, "02:00:00:00:00:0a");
    EXPECT_THAT((*plan)["br0"].targets, IsEmpty());
    EXPECT_EQ((*plan)["br0"].fail_mode, std::nullopt);
}

TEST(OvsdbClonePlan, EachControllerIsParkedAtASocketOfItsOwn) {
    SwitchConfig config = switch_with_one_bridge();
    config.bridges[0].controllers.resize(2);
    auto plan = plan_clone(config, "/run/b");
    ASSERT_TRUE(plan);
    EXPECT_THAT((*plan)["br0"].targets, ElementsAre("unix:/run/b/br0.parked", "unix:/run/b/br0.1.parked"));
    EXPECT_EQ((*plan)["br0"].fail_mode, "secure");
}

TEST(OvsdbClonePlan, RefusesABridgeWhoseDatapathIdIsNotKnown) {
    SwitchConfig config = switch_with_one_bridge();
    config.bridges[0].datapath_id.reset();
    auto plan = plan_clone(config, "/run/b");
    ASSERT_FALSE(plan);
    EXPECT_THAT(plan.error().message, HasSubstr("bridge br0"));
}

}  // namespace
}  // namespace hitless::ovsdb

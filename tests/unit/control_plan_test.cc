#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/controllers_plan.h"

namespace hitless::control {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

BridgeConfig bridge(std::vector<ControllerConfig> controllers, std::string fail_mode = "") {
    return {"br0", std::move(controllers), std::move(fail_mode), {}};
}

TEST(ControllerTarget, AcceptsAddressesWithAndWithoutPort) {
    EXPECT_EQ(*parse_controller_target("tcp:192.0.2.1"), (ControllerAddress{"192.0.2.1", 6653}));
    EXPECT_EQ(*parse_controller_target("tcp:192.0.2.1:6633"), (ControllerAddress{"192.0.2.1", 6633}));
    EXPECT_EQ(*parse_controller_target("tcp:[2001:db8::1]"), (ControllerAddress{"2001:db8::1", 6653}));
    EXPECT_EQ(*parse_controller_target("tcp:[2001:db8::1]:65535"), (ControllerAddress{"2001:db8::1", 65535}));
    EXPECT_EQ(*parse_controller_target("tcp:[fe80::1%eth0]:6633"), (ControllerAddress{"fe80::1%eth0", 6633}));
}

TEST(ControllerTarget, RefusesWhatARelayCannotReachAndSaysWhy) {
    for (const char* target : {"tcp:", "tcp:controller.example", "tcp:192.0.2.1:0", "tcp:192.0.2.1:65536", "tcp:192.0.2.1:",
                               "tcp:192.0.2.1:66x", "tcp:[2001:db8::1", "tcp:[::1]66", "none", "ssl:192.0.2.1", "ptcp:6634",
                               "pssl:", "punix:/x", "unix:/x"}) {
        auto address = parse_controller_target(target);
        ASSERT_FALSE(address) << target;
        EXPECT_THAT(address.error().message, HasSubstr(target));
    }
    EXPECT_THAT(parse_controller_target("ssl:192.0.2.1:6653").error().message, HasSubstr("TLS"));
}

TEST(ControllersPlan, BridgeWithoutControllersStaysWithout) {
    auto plan = plan_controllers({bridge({}, "standalone")}, "/run/b");
    BridgeControl same{{}, "standalone"};
    ASSERT_EQ(plan.bridges.size(), 1u);
    EXPECT_EQ(plan.bridges[0].parked, same);
    EXPECT_EQ(plan.bridges[0].activated, same);
    EXPECT_EQ(plan.bridges[0].restored, same);
    EXPECT_THAT(plan.bridges[0].relays, IsEmpty());
}

TEST(ControllersPlan, ParksSecureThenRelaysThenRestoresTheFailMode) {
    auto plan = plan_controllers({bridge({{"tcp:192.0.2.1:6633", "out-of-band", {}}, {"tcp:[::1]", "out-of-band", {}}},
                                         "standalone")}, "/run/b");
    ASSERT_EQ(plan.bridges.size(), 1u);
    const auto& result = plan.bridges[0];
    EXPECT_EQ(result.parked, (BridgeControl{{"unix:/run/b/br0.parked0", "unix:/run/b/br0.parked1"}, "secure"}));
    EXPECT_EQ(result.activated, (BridgeControl{{"unix:/run/b/br0.relay0", "unix:/run/b/br0.relay1"}, "secure"}));
    EXPECT_EQ(result.restored, (BridgeControl{{"unix:/run/b/br0.relay0", "unix:/run/b/br0.relay1"}, "standalone"}));
    ASSERT_EQ(result.relays.size(), 2u);
    EXPECT_EQ(result.relays[1].listen_path, "/run/b/br0.relay1");
    EXPECT_EQ(result.relays[1].origin, "tcp:[::1]");
    EXPECT_EQ(result.relays[1].controller, (ControllerAddress{"::1", 6653}));
    EXPECT_THAT(plan.refusals, IsEmpty());
    EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST(ControllersPlan, FailModeThatIsNotSetIsNotSetAfterwards) {
    auto plan = plan_controllers({bridge({{"tcp:127.0.0.1", "", {}}})}, "/run/b");
    EXPECT_EQ(plan.bridges[0].activated.fail_mode, "secure");
    EXPECT_EQ(plan.bridges[0].restored.fail_mode, "");
}

TEST(ControllersPlan, RefusalsNameBridgeAndTarget) {
    auto plan = plan_controllers({bridge({{"ssl:192.0.2.1", "out-of-band", {}}, {"punix:x", "out-of-band", {}}})}, "/run/b");
    EXPECT_THAT(plan.refusals, ElementsAre(AllOf(HasSubstr("bridge br0"), HasSubstr("ssl:192.0.2.1")),
                                           AllOf(HasSubstr("bridge br0"), HasSubstr("punix:x"))));
}

TEST(ControllersPlan, InBandMattersOnlyWhereTheWayLeadsThroughABridge) {
    auto in_band = [](std::string target, std::string mode, std::optional<std::string> device) {
        return plan_controllers({bridge({{target, mode, device}}), {"br1", {}, "", {}}}, "/run/b");
    };
    // OVS takes a mode that is not set as in-band.
    EXPECT_THAT(in_band("tcp:192.0.2.1", "", "br1").refusals, ElementsAre(HasSubstr("through bridge br1")));
    EXPECT_THAT(in_band("tcp:192.0.2.1", "in-band", {}).warnings, ElementsAre(HasSubstr("tcp:192.0.2.1 is in-band")));
    EXPECT_THAT(in_band("tcp:192.0.2.1", "in-band", {}).refusals, IsEmpty());
    for (const auto& harmless : {in_band("tcp:192.0.2.1", "in-band", "eth0"), in_band("tcp:192.0.2.1", "out-of-band", "br1"),
                                 in_band("tcp:127.0.0.1", "", {}), in_band("tcp:[::1]", "in-band", "lo")}) {
        EXPECT_THAT(harmless.refusals, IsEmpty());
        EXPECT_THAT(harmless.warnings, IsEmpty());
    }
}

TEST(ControllersPlan, DisableInBandIsHeeded) {
    auto config = bridge({{"tcp:192.0.2.1", "in-band", "br0"}});
    EXPECT_EQ(plan_controllers({config}, "/run/b").refusals.size(), 1u);
    config.other_config["disable-in-band"] = "true";
    EXPECT_THAT(plan_controllers({config}, "/run/b").refusals, IsEmpty());
}

}  // namespace
}  // namespace hitless::control

#include <gtest/gtest.h>

#include "appctl/arguments.h"
#include "appctl/metrics.h"
#include "appctl/render.h"

namespace hitless::appctl {
namespace {

const Accepts kAll{.from = true, .soak = true, .keep_standby = true};

std::string error(const Accepts& accepts, const std::vector<std::string>& arguments) {
    auto parsed = parse_arguments("hitless/upgrade", accepts, arguments);
    return parsed ? "" : parsed.error().message;
}

TEST(Arguments, AreReadInAnyOrder) {
    auto parsed = parse_arguments("hitless/upgrade", kAll,
                                  {"--soak=7", "--format=json", "--from=/tmp/x.deb", "--keep-standby",
                                   "--sha256=" + std::string(64, 'A'), "--signature=/tmp/x.asc"});
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed->format, Format::json);
    EXPECT_EQ(parsed->from, "/tmp/x.deb");
    EXPECT_EQ(parsed->sha256, std::string(64, 'a'));
    EXPECT_EQ(parsed->signature, "/tmp/x.asc");
    EXPECT_EQ(parsed->soak, std::chrono::seconds(7));
    EXPECT_TRUE(parsed->keep_standby);
}

TEST(Arguments, WrongOnesAreRefusedByName) {
    const std::string usage = "; usage: hitless/upgrade [--from=installed|DIR|FILE.deb|URL|apt[:VERSION]|release:NAME] [--sha256=HEX] [--signature=FILE|URL] "
                              "[--soak=SECONDS] [--keep-standby] [--format=table|json]";
    EXPECT_EQ(error(kAll, {"--fast"}), "hitless/upgrade: unknown argument \"--fast\"" + usage);
    EXPECT_EQ(error(kAll, {"br0"}), "hitless/upgrade: unknown argument \"br0\"" + usage);
    EXPECT_EQ(error(kAll, {"--format=xml"}),
              "hitless/upgrade: format is neither table nor json: \"--format=xml\"" + usage);
    EXPECT_EQ(error(kAll, {"--sha256=12"}), "hitless/upgrade: not 64 hexadecimal digits: \"--sha256=12\"" + usage);
    EXPECT_EQ(error(kAll, {"--soak=-1"}), "hitless/upgrade: --soak \"-1\": not a whole number from 0 to 86400");
    EXPECT_EQ(error(kAll, {"--soak=99999999999999999999"}),
              "hitless/upgrade: --soak \"99999999999999999999\": not a whole number from 0 to 86400");
    EXPECT_EQ(error(kAll, {std::string(5000, 'x')}), "hitless/upgrade: an argument is longer than 4096 bytes");
    EXPECT_EQ(error(kAll, {"--from=a\nb"}), "hitless/upgrade: an argument holds control characters");
}

TEST(Arguments, OfOtherCommandsAreUnknown) {
    EXPECT_NE(error({}, {"--soak=1"}), "");
    EXPECT_NE(error({}, {"3"}), "");
    auto parsed = parse_arguments("hitless/history", {.count = true}, {"3"});
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed->count, 3u);
}

upgrade::Summary sample() {
    upgrade::Summary summary;
    summary.number = 4;
    summary.command = upgrade::Command::upgrade;
    summary.outcome = upgrade::Outcome::rolled_back;
    summary.from_version = "3.1.0";
    summary.to_version = "3.3.0";
    summary.source = "/tmp/new.deb";
    summary.error = "B died";
    summary.held = 12;
    summary.blackout = std::chrono::microseconds(1234);
    summary.phases = {{upgrade::Phase::copy, std::chrono::microseconds(5600), false, "", std::chrono::microseconds(1234)},
                      {upgrade::Phase::soak, std::chrono::microseconds(100), false, "B died"}};
    summary.transfers = {{"flows", Side::A, 10, 10, 0, 1, std::chrono::microseconds(900), std::chrono::microseconds(400)}};
    summary.counters = {{Side::A, "br0", 3, 1000, 90000, "/counters/4-A.txt.gz"}};
    summary.holds = {{Side::A, std::chrono::microseconds(77), std::chrono::microseconds(88), 12}};
    return summary;
}

TEST(Metrics, LabelsAreEscapedAndPhasesAddedUp) {
    MetricsReport report{{.version = "a\"b\\c\nd", .state = "idle", .instances = {}, .problem = "", .soak = journal::SoakPolicy{}, .operation = {}}, {}, {}};
    auto operation = sample();
    operation.phases.push_back(operation.phases.front());   // another daemon has gone on with it
    report.history = {operation};
    auto text = metrics_text(report);
    EXPECT_NE(text.find("\novs_hitless_info{version=\"a\\\"b\\\\c\\nd\"} 1\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\novs_hitless_last_operation_phase_duration_seconds{phase=\"copy\"} 0.0112\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\novs_hitless_last_operation_success 0\n"), std::string::npos) << text;
    EXPECT_EQ(text.find("ovs_hitless_port"), std::string::npos) << text;
}

TEST(Metrics, PortsAreTold) {
    MetricsReport report{{.version = "1", .state = "idle", .instances = {}, .problem = "", .soak = journal::SoakPolicy{}, .operation = {}}, {}, {}};
    datapath::BondMember member;
    member.port.name = "eth1";
    member.counters.to_b = 7;
    member.counters.hold_dropped = 1;
    member.counters.hold_refused = 2;
    report.bond.emplace();
    report.bond->members = {member};
    auto text = metrics_text(report);
    EXPECT_NE(text.find("\novs_hitless_port_received_packets_total{port=\"eth1\",instance=\"B\"} 7\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\novs_hitless_port_dropped_packets_total{port=\"eth1\"} 3\n"), std::string::npos) << text;
}

TEST(Render, SummaryTellsResultVersionsPhasesAndKinds) {
    EXPECT_EQ(summary_table(sample()),
              "hitless/upgrade 4: rolled-back, Open vSwitch 3.1.0 -> 3.3.0\n"
              "error: B died\n"
              "source: /tmp/new.deb\n"
              "state: idle\n"
              "\n"
              "  phase                time\n"
              "  copy               5.6 ms\n"
              "  soak               0.1 ms  failed\n"
              "\n"
              "  state kind            way    copied identical differing   in hold         time    longest request\n"
              "  flows                A->B        10        10         0         1       0.9 ms             0.4 ms\n"
              "\n"
              "  not carried: counters of flows, groups, meters and ports, and the ages of entries: they start anew\n"
              "  not carried: what is left of the timeouts of idle connections: each begins its whole timeout once more, and none ends early\n"
              "\n"
              "  A counted 1000 packets, 90000 bytes in 3 flows of bridge br0: /counters/4-A.txt.gz\n"
              "\n"
              "  packets held 12, dropped 0; blackout 1.234 ms; 0.00 s in all, 0.00 s of it soak\n");
}

TEST(Render, CheckTellsWhatIsNeverCarriedWhereAnUpgradeIsPossible) {
    upgrade::CheckReport report;
    report.version = "3.1.0";
    report.warnings = {"careful"};
    EXPECT_EQ(check_table(report), "Open vSwitch 3.1.0, 0 bridges, 0 ports: can be upgraded hitless\n"
                                   "warning: careful\n"
                                   "not carried: counters of flows, groups, meters and ports, and the ages of entries: they start anew\n"
                                   "not carried: what is left of the timeouts of idle connections: each begins its whole timeout once more, "
                                   "and none ends early\n");
    EXPECT_EQ(check_json(report)["not_carried"].size(), 2u);
    report.refusals = {"no"};
    EXPECT_EQ(check_table(report), "Open vSwitch 3.1.0, 0 bridges, 0 ports: refused\nrefused: no\nwarning: careful\n");
}

TEST(Render, JsonHasTheStableNames) {
    Json::Value json = summary_json(sample());
    EXPECT_EQ(json["result"].asString(), "rolled-back");
    EXPECT_EQ(json["blackout_us"].asInt(), 1234);
    EXPECT_EQ(json["phases"][0]["began_us"].asInt64(), 1234);
    EXPECT_EQ(json["holds"][0]["sender"].asString(), "A");
    EXPECT_EQ(json["holds"][0]["began_us"].asInt64(), 77);
    EXPECT_EQ(json["holds"][0]["duration_us"].asInt64(), 88);
    EXPECT_EQ(json["holds"][0]["held"].asUInt64(), 12u);
    EXPECT_EQ(json["phases"][1]["state"].asString(), "failed");
    EXPECT_EQ(json["transfers"][0]["kind"].asString(), "flows");
    EXPECT_EQ(json["transfers"][0]["longest_request_us"].asInt(), 400);
    EXPECT_EQ(json["counters"][0]["instance"].asString(), "A");
    EXPECT_EQ(json["counters"][0]["packets"].asUInt64(), 1000u);
    EXPECT_EQ(json["counters"][0]["file"].asString(), "/counters/4-A.txt.gz");
    EXPECT_EQ(to_text(Json::Value(1)), "1\n");
}

TEST(Arguments, ResumeTakesABridgeAndAMessage) {
    Accepts accepts{.message = true};
    auto parsed = parse_arguments("hitless/resume", accepts, {"br0", "06fE"});
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed->bridge, "br0");
    EXPECT_EQ(parsed->message, (std::vector<uint8_t>{0x06, 0xfe}));
    for (const std::vector<std::string>& wrong : {std::vector<std::string>{"br0"}, {"br0", "0"}, {"br0", "0g"}, {"../br0", "06"}}) {
        EXPECT_FALSE(parse_arguments("hitless/resume", accepts, wrong).ok());
    }
}

TEST(Arguments, DiffTakesAKind) {
    Accepts accepts{.kind = true};
    EXPECT_EQ(accepts.usage(), "[--format=table|json] [KIND]");
    EXPECT_EQ(parse_arguments("hitless/diff", accepts, {"flows"})->kind, "flows");
    EXPECT_FALSE(parse_arguments("hitless/diff", accepts, {"flows", "groups"}).ok());
}

TEST(Render, DiffTellsKindsAndExamples) {
    upgrade::DiffReport report;
    report.kinds = {{"flows", 10, 1, 2, 3, 0, {"missing: br0: actions=drop"}}};
    EXPECT_EQ(diff_table(report),
              "B compared with A, which is active\n"
              "  state kind              same   missing     extra   changed  harmless\n"
              "  flows                     10         1         2         3         0\n"
              "    missing: br0: actions=drop\n");
    Json::Value json = diff_json(report);
    EXPECT_EQ(json["from"].asString() + json["to"].asString(), "AB");
    EXPECT_EQ(json["kinds"][0]["changed"].asInt(), 3);
    EXPECT_EQ(json["kinds"][0]["examples"][0].asString(), "missing: br0: actions=drop");
}

TEST(Render, BondLooksLikeBondShow) {
    datapath::Bond bond;
    bond.active = Side::B;
    datapath::BondMember member;
    member.port = {"eth0", false};
    member.a_attached = member.b_attached = true;
    member.counters.to_b = 5;
    bond.members.push_back(member);
    EXPECT_EQ(bond_table(bond),
              "---- hitless ----\n"
              "bond_mode: active-backup\n"
              "active member: B\n"
              "\n"
              "port eth0:\n"
              "  member A: enabled; received 0, sent 0, gated 0\n"
              "  member B: enabled, active; received 5, sent 0, gated 0\n"
              "  held 0, released 0, dropped 0\n");
}

}  // namespace
}  // namespace hitless::appctl

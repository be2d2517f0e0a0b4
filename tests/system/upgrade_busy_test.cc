// Hand-overs of a switch whose flows and groups are changed all the time: what was acknowledged by the instance that was active is
// what the next one has, no more and no less.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "busy_controller.h"
#include "upgrade_lab.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;
using test::BusyController;
using test::eventually;
using Rules = BusyController::Rules;

class Busy : public testing::Test {
  protected:
    Busy() {
        lab.vsctl({"add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=secure"});
    }
    ~Busy() override { lab.run({"ovs-vsctl", "-t10", "del-br", "br0"}); }

    // The numbers that 'pattern' finds in 'text'.
    static std::set<uint32_t> numbers(const std::string& text, const char* pattern) {
        std::set<uint32_t> found;
        std::regex expression(pattern);
        for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) {
            found.insert(static_cast<uint32_t>(std::stoul((*at)[1], nullptr, 0)));
        }
        return found;
    }
    // Of the active instance. A flow without its group cannot be; a group without its flow counts as 100.
    Rules rules() {
        auto flows = numbers(lab.ofctl({"-OOpenFlow13", "dump-flows", "br0"}), "cookie=(0x[0-9a-f]+)");
        Rules rules;
        auto text = lab.ofctl({"-OOpenFlow13", "dump-groups", "br0"});
        std::regex expression("group_id=([0-9]+),type=all([^\n]*)");
        for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) {
            auto rule = static_cast<uint32_t>(std::stoul((*at)[1]));
            std::string buckets = (*at)[2];
            unsigned count = 0;
            for (size_t i = buckets.find("bucket="); i != std::string::npos; i = buckets.find("bucket=", i + 1)) {
                count++;
            }
            rules[rule] = flows.count(rule) ? count : 100;
        }
        return rules;
    }

    void expect_known(const BusyController::Known& known) {
        auto there = rules();
        for (auto [rule, buckets] : known.acknowledged) {
            if (!known.uncertain.count(rule)) {
                EXPECT_EQ(there.count(rule) ? there[rule] : 0, buckets) << "rule " << rule;
            }
        }
        for (auto [rule, buckets] : there) {
            EXPECT_TRUE(known.acknowledged.count(rule) || known.uncertain.count(rule)) << "rule " << rule;
        }
    }

    std::string from_new() const { return "--from=" + lab.path("new"); }
    test::UpgradeLab lab;
};

TEST_F(Busy, ControllersChangesAreAllThereAtEachToggle) {
    BusyController controller(6653);
    lab.vsctl({"set-controller", "br0", "tcp:127.0.0.1:6653"});
    ASSERT_TRUE(eventually([&] { return controller.session() == 1; }));
    controller.go_on();
    ASSERT_TRUE(eventually([&] { return controller.known().changes > 500; }));   // it has begun to remove
    unsigned session = 1;
    for (const char* command : {"failover", "return"}) {
        SCOPED_TRACE(command);
        auto before = controller.known().changes;
        lab.hitless(std::string(command) == "failover" ? test::Command{"hitless/failover", from_new()}
                                                       : test::Command{"hitless/return", "--keep-standby"});
        ASSERT_TRUE(eventually([&] { return controller.session() > session && controller.resting(); }));
        session = controller.session();
        auto known = controller.known();
        std::cout << command << ": " << known.changes - before << " changes acknowledged meanwhile, " << known.uncertain.size()
                  << " not\n";
        EXPECT_GT(known.changes - before, 30u);
        expect_known(known);
        controller.go_on();
        ASSERT_TRUE(eventually([&] { return controller.known().changes > known.changes + 300; }));
    }
}

}  // namespace
}  // namespace hitless::upgrade

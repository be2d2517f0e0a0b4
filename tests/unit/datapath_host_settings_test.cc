#include "datapath/host_settings.h"

#include <gtest/gtest.h>

namespace hitless::datapath {
namespace {

TEST(HostSettings, AreWhatAnUpgradeChangesAndNoOtherFile) {
    EXPECT_TRUE(is_host_setting("/sys/kernel/rcu_expedited"));
    EXPECT_TRUE(is_host_setting("/proc/sys/net/ipv4/conf/br0/arp_evict_nocarrier"));
    EXPECT_TRUE(is_host_setting("/proc/sys/net/ipv6/conf/eth0.5/ndisc_evict_nocarrier"));
    for (const char* path : {"", "/etc/passwd", "/sys/kernel/rcu_expedited/x", "/proc/sys/net/ipv4/conf/arp_evict_nocarrier",
                             "/proc/sys/net/ipv4/conf//arp_evict_nocarrier", "/proc/sys/net/ipv4/conf/../arp_evict_nocarrier",
                             "/proc/sys/net/ipv4/conf/../../../../../etc/x/arp_evict_nocarrier",
                             "/proc/sys/net/ipv6/conf/br0/arp_evict_nocarrier", "/proc/sys/net/ipv4/conf/br0/forwarding"}) {
        EXPECT_FALSE(is_host_setting(path)) << path;
    }
}

}  // namespace
}  // namespace hitless::datapath

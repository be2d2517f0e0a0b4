# Plugin of sos(1): what somebody who is asked for help with ovs-hitless wants to see.
from sos.report.plugins import DebianPlugin, IndependentPlugin, Plugin, UbuntuPlugin


# sos 4.0 on Debian passes over what is an IndependentPlugin alone.
class OvsHitless(Plugin, IndependentPlugin, DebianPlugin, UbuntuPlugin):
    short_desc = "Hitless software replacement of Open vSwitch"
    plugin_name = "ovs_hitless"
    profiles = ("network", "virt")
    packages = ("ovs-hitless",)
    services = ("ovs-hitlessd",)

    def setup(self):
        self.add_copy_spec(["/etc/default/ovs-hitless", "/var/log/openvswitch/ovs-hitlessd.log", "/var/log/openvswitch/ovs-vswitchd-b.log"])
        self.add_cmd_output([f"ovs-appctl -T 20 -t ovs-hitlessd {command}" for command in (
            "hitless/status", "hitless/check", "hitless/history 100 --format=json", "hitless/release-list", "hitless/metrics",
            "hitless/bond-show", "memory/show", "coverage/show")])
        self.add_cmd_output("ovsdb-client -t 20 dump unix:/run/openvswitch/db.sock hitless")
        self.add_cmd_output("ls -lR /var/lib/ovs-hitless /etc/ovs-hitless")

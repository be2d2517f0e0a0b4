#!/bin/sh
# policy-rc.d [OPTION]... SERVICE ACTIONS [RUNLEVEL]
#
# Asked by deb-systemd-invoke and invoke-rc.d, which packages' scripts use, whether a service may be touched; systemctl does not ask.
# Forbids that an upgrade of Open vSwitch's packages stops or restarts a switch that ovs-hitlessd looks after. Everything else is
# left to the next best policy-rc.d of the alternatives system, or allowed.
#
# A rule for package policy-rcd-declarative would not do: it can tell neither an upgrade from a removal, nor whether there is
# anything that would do the upgrade in its place, and it would stay after ovs-hitless has been removed.
rundir=/run/openvswitch

# runs NAME: there is a process of RUNDIR/NAME.pid, and it is NAME.
runs() {
    read -r pid 2> /dev/null < "$rundir/$1.pid" && grep -qsx "$1.*" "/proc/$pid/comm"
}

next() {
    program=$(update-alternatives --query policy-rc.d 2> /dev/null |
        awk '/^Alternative:/ { name = $2 } /^Priority:/ && name != own && (best == "" || $2 + 0 > top) { best = name; top = $2 + 0 }
             END { print best }' own=/usr/lib/ovs-hitless/policy-rc.d)
    if [ -x "$program" ]; then
        exec "$program" "$@"
    fi
    exit 0
}

for argument; do
    case $argument in
    --list) next "$@" ;;
    --*) ;;
    *)
        service=${service-$argument}
        if [ "$service" != "$argument" ]; then
            actions=${actions-$argument}
        fi
        ;;
    esac
done
case ${service-} in
openvswitch-switch | openvswitch-switch.service | ovs-vswitchd.service | ovsdb-server.service) ;;
ovs-record-hostname.service) ;;   # openvswitch-switch.service requires it, and stops with it
*) next "$@" ;;
esac
case ${actions-} in
*stop* | *restart* | *reload*) ;;
*) next "$@" ;;
esac
case ${DPKG_MAINTSCRIPT_PACKAGE-} in
openvswitch-*) ;;
*) next "$@" ;;
esac
case $(dpkg-query --show --showformat='${db:Status-Want}' "$DPKG_MAINTSCRIPT_PACKAGE" 2> /dev/null) in
install | hold) ;;
*) next "$@" ;;   # it is being removed
esac
if runs ovs-hitlessd && runs ovs-vswitchd; then
    exit 101
fi
next "$@"

"""What the measurements of whole upgrades share: a lab switch with the daemon on it, and traffic that says what it saw."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
LAB = TOP / "utilities/ovs-hitless-lab"
BUILDS = ["/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk", "/usr/lib/openvswitch-switch/ovs-vswitchd"]
COUNTS = ("sent", "received", "lost", "duplicated", "reordered")


class Failed(Exception):
    """Something on the lab's switch, as text."""


def resident_kb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return None


def in_holds(report, upgrade):
    """The numbers of the intervals of a report's series that have a hold of the upgrade in them."""
    series, numbers = report["total"]["series"], set()
    for hold in upgrade["holds"]:
        began = hold["began_us"] / 1e6 - report["started_s"] - series["at_s"]
        first, last = (int(1000 / series["interval_ms"] * moment) for moment in (began, began + hold["duration_us"] / 1e6))
        numbers.update(range(first, last + 1))
    return numbers


def lateness_ms(report, intervals):
    """By how much the slowest packet that was sent in each of these intervals was later than usual, ascending."""
    latencies, usual = report["total"]["series"]["latency_maximum_us"], report["total"]["latency_us"]["p50"]
    return sorted((latencies[number] - usual) / 1000 for number in intervals if number < len(latencies))


def blackout_ms(report, upgrade):
    """The blackout of an upgrade's holds, as the traffic saw it."""
    return lateness_ms(report, in_holds(report, upgrade))[-1]


def outside(report):
    """The same of packets that were not sent in a hold (there is none where no upgrade was told of): of all, and of 99.9 % of the intervals."""
    intervals = set(range(len(report["total"]["series"]["latency_maximum_us"])))
    if report["told"]:
        intervals -= in_holds(report, report["told"])
    lateness = lateness_ms(report, intervals)
    return {"outside_ms": lateness[-1], "outside_p99.9_ms": lateness[int(0.999 * len(lateness))]}


class LabBench:
    """A lab of ovs-hitless-lab(8) in work/lab, for 'with'."""

    def __init__(self, build, work, lab_options):
        self.build, self.work, self.lab = build, work, work / "lab"
        self.lab_options, self.probes = lab_options, []

    def __enter__(self):
        try:
            self.begin()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def begin(self):
        subprocess.run([LAB, "up", self.lab, *map(str, self.lab_options)], check=True, stdout=subprocess.DEVNULL)
        lines = subprocess.run([LAB, "env", self.lab], check=True, capture_output=True, text=True).stdout.splitlines()
        self.environment = dict(os.environ)
        for line in lines:
            name, value = line.removeprefix("export ").split("=", 1)
            self.environment[name] = value
        self.releases = []
        for number, binary in enumerate(BUILDS):
            release = self.work / f"release{number}"
            release.mkdir(exist_ok=True)
            shutil.copy(binary, release / "ovs-vswitchd")
            self.releases.append(release)
        self.in_switch(self.build / "ovs-ext/ovs-hitlessd", "--detach", "--no-chdir", "--pidfile", "--log-file",
                       "-vconsole:off", f"--state-dir={self.lab}/state", f"--schema={TOP}/ovsdb-schema/hitless.ovsschema")

    def in_switch(self, *command):
        program = subprocess.run(["nsenter", f"--net={self.lab}/netns/switch", *map(str, command)], env=self.environment,
                                 capture_output=True, text=True)
        if program.returncode:
            raise Failed(f"{command[0]}: exit status {program.returncode}: {program.stdout}{program.stderr}")
        return program.stdout

    def pid(self, name):
        return int((self.lab / f"run/{name}.pid").read_text())

    def configure(self, **settings):
        """other_config of the daemon's table Hitless."""
        self.in_switch("ovs-appctl", "hitless/history")   # the daemon's database is there from now on
        row = {"other_config": ["map", [[name.replace("_", "-"), str(value)] for name, value in settings.items()]]}
        self.in_switch("ovsdb-client", "transact", f"unix:{self.lab}/run/db.sock",
                       json.dumps(["hitless", {"op": "update", "table": "Hitless", "where": [], "row": row}]))

    def store_connections(self, count, zones):
        """TCP connections that no host has, in zones that flows name, as they do where connections are. Returns what it took."""
        for zone in range(1000, 1000 + zones):
            self.in_switch("ovs-ofctl", "add-flow", "br0", f"table=99,priority={zone},ip,actions=ct(commit,zone={zone})")
        control = self.lab / f"run/ovs-vswitchd.{self.pid('ovs-vswitchd')}.ctl"
        return json.loads(self.in_switch(self.build / "tests/bench/fill_connections", control, "br0",
                                         self.lab / "run/br0.mgmt", "tcp", count, zones))

    def flow(self, source, source_address, destination, destination_address, more):
        netns = self.lab / "netns"
        return f"from={netns}/{source},to={netns}/{destination},src={source_address},dst={destination_address},{more}"

    def start(self, name, command, *arguments):
        """A probe that says in the file NAME.ready that it has begun, and ends when NAME.stop is there."""
        for suffix in ("stop", "ready"):
            (self.work / f"{name}.{suffix}").unlink(missing_ok=True)
        process = subprocess.Popen([self.build / "utilities/probe/ovs-hitless-probe", command, "--quiet",
                                    "--until-file", self.work / f"{name}.stop", "--ready-file", self.work / f"{name}.ready",
                                    "--json", self.work / f"{name}.json", *map(str, arguments)])
        self.probes.append(process)
        while not (self.work / f"{name}.ready").exists():
            if process.poll() is not None:
                raise Failed(f"the traffic ended: {name}")
            time.sleep(0.05)
        return process

    def stop(self, name, process, early=True):
        """The report of a probe. Not 'early': it has a --duration."""
        if early:
            (self.work / f"{name}.stop").touch()
        process.wait(timeout=60)
        self.probes.remove(process)
        return json.loads((self.work / f"{name}.json").read_text())

    def under_traffic(self, act, rate, size, flows):
        """Runs 'act' under UDP; each stream of 'flows' has 'rate' packets/s. Returns the probe's report, with what 'act' returned, and
        when it began and ended, in seconds of the report."""
        arguments = [argument for flow in flows for argument in ("--flow", flow)]
        process = self.start("udp", "run", "--realtime", "--series", 1, "--rate", rate, "--size", size, *arguments)
        time.sleep(1)
        began = time.time()
        try:
            told = act()
        finally:
            ended = time.time()
            time.sleep(1)
            report = self.stop("udp", process)
        return report | {"told": told, "began_s": began - report["started_s"], "ended_s": ended - report["started_s"]}

    def upgrade(self, number, soak):
        """To the other of two builds, and back to A. Returns its record."""
        try:
            return json.loads(self.in_switch("ovs-appctl", "--timeout=600", "hitless/upgrade", f"--from={self.releases[number % 2]}",
                                             f"--soak={soak}", "--format=json"))
        except Failed as failed:
            error = re.search('"error":"([^"]+)"', str(failed))
            raise Failed("hitless/upgrade: " + (error[1] if error else str(failed))) from None

    def restart(self):
        """What an operator does without us. Returns the seconds that it took."""
        began = time.monotonic()
        subprocess.run([LAB, "restart", self.lab], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.monotonic() - began

    def stop_daemon(self):
        pidfile = self.lab / "run/ovs-hitlessd.pid"
        if pidfile.exists():
            subprocess.run(["ovs-appctl", "-t", "ovs-hitlessd", "exit"], env=self.environment)
            while pidfile.exists():
                time.sleep(0.05)

    def end(self):
        for process in self.probes:
            process.kill()
        subprocess.run([LAB, "down", self.lab], stdout=subprocess.DEVNULL)

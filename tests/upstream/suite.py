"""Open vSwitch's own autotest suites, with a switch-over between two steps of each test.

A suite's files are read where they are and are not changed: what is generated is the list of them, with a file of ours put in
after the macros.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
from collections import namedtuple

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent

# Prints, as a shell script, the variables that atlocal.probe sets and unsets.
PROBE = r"""
. ./atconfig
compgen -v | sort > "$TMPDIR/names"
(compgen -v | while read -r name; do echo "$name=${!name@Q}"; done) > "$TMPDIR/before"
. ./atlocal.probe > /dev/null 2>&1
compgen -v | sort | comm -23 "$TMPDIR/names" - | sed 's/^/unset /'
compgen -v | while read -r name; do
    if ! grep -qxF "$name=${!name@Q}" "$TMPDIR/before"; then
        case $name in
        _ | BASH* | FUNCNAME | LINENO | PIPESTATUS | RANDOM | SECONDS | SRANDOM | EPOCH* | name) ;;
        *) echo "$name=${!name@Q}; export $name" ;;
        esac
    fi
done
"""

# Our file, and which of the suite's files are taken (a regular expression).
SUITES = {"system-userspace-testsuite": ("switch-over", ".*"), "testsuite": ("state-only", "dpif-netdev|ofproto-dpif")}

Test = namedtuple("Test", "number name")
Outcome = namedtuple("Outcome", "result detail")  # result: ok, failed or skipped; detail: the line that says so, or why


class Suite:
    """One suite, generated into 'directory' from the source tree 'ovs_src' of Open vSwitch.

    'paths' is what the build knows (tests/upstream.json); 'switch', a directory with ovs-vswitchd and its companions to be A,
    or None for the installed ones.
    """

    def __init__(self, name, paths, directory, ovs_src=None, switch=None):
        self.name, self.directory = name, directory
        self.ovs_src = pathlib.Path(ovs_src or paths["ovs_src"]).resolve()
        self.ovs_build = pathlib.Path(paths["ovs_build"])
        self.daemon = directory / "daemon"
        self.switch = switch
        self.script = directory / "suite"
        self.tree = self._tree()
        self.daemon.mkdir(parents=True)   # a copy: the tree may be built anew meanwhile
        for program in paths["programs"]:
            shutil.copy2(program, self.daemon)
        self._generate(pathlib.Path(paths["m4"]))
        self.tests = list(self._list())

    def _generate(self, m4):
        self.directory.mkdir(parents=True, exist_ok=True)
        source = self.ovs_src / "tests" / f"{self.name}.at"
        wrapped = self.directory / "suite.at"
        wrapped.write_text(with_switch_over(source.read_text(), *SUITES[self.name]))
        subprocess.run(["autom4te", "--language=autotest", "-I", m4, "-I", TOP, "-I", self.ovs_src, "-o", self.script, wrapped],
                       cwd=self.directory, check=True)
        # What it knows of the machine, as its own configure would tell it. It starts many programs to find that out: once.
        template = self.ovs_src / "tests" / "atlocal.in"
        subprocess.run([self.ovs_build / "config.status", "--silent", f"--file={self.directory}/atlocal.probe:{template}"],
                       cwd=self.ovs_build, check=True)
        self._write_atconfig(self.directory, self.switch)
        variables = subprocess.run([TOP / "tests" / "in-namespaces", "bash", "-c", PROBE], cwd=self.directory, check=True,
                                   capture_output=True, text=True).stdout
        (self.directory / "atlocal").write_text(variables)

    def _write_atconfig(self, directory, switch):
        tree = self.tree
        settings = {
            "at_testdir": "tests", "abs_builddir": self.directory, "at_srcdir": tree / "tests", "abs_srcdir": tree / "tests",
            "at_top_srcdir": tree, "abs_top_srcdir": tree, "at_top_build_prefix": f"{self.directory}/",
            "abs_top_builddir": self.directory, "at_top_builddir": f"{self.directory}/", "EXEEXT": "", "SHELL": "/bin/bash",
            "AUTOTEST_PATH": ":".join(str(path) for path in (switch, self.daemon) if path), "HITLESS_SRCDIR": TOP,
        }
        lines = [f"{key}='{value}'" for key, value in settings.items()]
        (directory / "atconfig").write_text("\n".join(lines) + "\n")

    def _own_copy(self, directory):
        """The switch's software for one run: an upgrade replaces it in place."""
        installed = pathlib.Path(shutil.which("ovs-vswitchd")).resolve()
        source = pathlib.Path(self.switch) if self.switch else installed.parent
        copy = directory / "software"
        copy.mkdir()
        binaries = [source / name for name in ("ovs-vswitchd", "ovs-vswitchd-dpdk")]
        shutil.copy2(next(path for path in binaries if path.exists()), copy / "ovs-vswitchd")
        for name in ("ovsdb-server", "vswitch.ovsschema"):
            if (source / name).exists():
                (copy / name).symlink_to((source / name).resolve())
        return copy

    def _tree(self):
        """The source tree that the tests see: its database schema is that of the switch under test."""
        schema = self.switch and pathlib.Path(self.switch) / "vswitch.ovsschema"
        if not schema or not schema.exists():
            return self.ovs_src
        tree = self.directory / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "vswitchd").mkdir(parents=True)
        for entry in self.ovs_src.iterdir():
            if entry.name != "vswitchd":
                (tree / entry.name).symlink_to(entry)
        (tree / "vswitchd" / "vswitch.ovsschema").symlink_to(schema.resolve())
        return tree

    def _list(self):
        """The tests that are in it, as --list tells."""
        output = subprocess.run([self.script, "--list"], cwd=self.directory, check=True, capture_output=True, text=True).stdout
        for match in re.finditer(r"^\s*(\d+): \S+\s+(.*\S)\s*$", output, re.MULTILINE):
            yield Test(int(match[1]), match[2])

    def version(self):
        """Of the tests."""
        configure = (self.ovs_src / "configure.ac").read_text()
        return "Open vSwitch " + re.search(r"AC_INIT\(openvswitch, ([\d.]+)", configure)[1]

    def run(self, test, directory, environment, limit):
        """Runs one test in 'directory', in namespaces of its own, for at most 'limit' seconds."""
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self._write_atconfig(directory, self._own_copy(directory))
        (directory / "atlocal").symlink_to(self.directory / "atlocal")
        with open(directory / "output", "wb") as output:
            try:
                subprocess.run(["timeout", "--kill-after=5", str(limit), TOP / "tests" / "in-namespaces", self.script, str(test.number)],
                               cwd=directory, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            except OSError as error:
                return Outcome("failed", str(error))
        result = outcome((directory / "output").read_text(errors="replace"))
        left_out = pathlib.Path(environment["HITLESS_STEPS_FILE"] + ".reason")
        if left_out.exists():
            result = result._replace(detail=left_out.read_text().strip())
            left_out.unlink()
        log = next(directory.glob("suite.dir/*/suite.log"), None)
        if result.result == "failed" and log:
            result = result._replace(detail=failed_check(result.detail, log.read_text(errors="replace")))
        return result


def with_switch_over(text, ours="switch-over", wanted=".*"):
    """The suite's list of files: the macros, ours, and those of the tests that are wanted."""
    lines, included = [], False
    for line in text.splitlines():
        tests = re.match(r"m4_include\(\[tests/(?!.*macros\.at)(.*)\.at\]", line)
        if tests and not included:
            lines.append(f"m4_include([tests/upstream/{ours}.at])")
            included = True
        if not tests or re.fullmatch(wanted, tests[1]):
            lines.append(line)
    return "\n".join(lines) + "\n"


def outcome(output):
    """Of the output of a suite that ran one test."""
    for line in output.splitlines():
        if match := re.match(r"\s*\d+: .*\s(ok|skipped|FAILED|expected failure)( \((.*)\))?\s*$", line):
            result = {"ok": "ok", "expected failure": "ok", "skipped": "skipped"}.get(match[1], "failed")
            return Outcome(result, match[3] or "")
    return Outcome("failed", "did not end in time")


def failed_check(place, log):
    """'place', FILE:LINE, with the command that was checked there, as the log of the test has it, and whether only counters differ."""
    commands = re.findall(rf"^\S*{re.escape(place)}: (?!exit code)(.*)$", log, re.MULTILINE) if place else []
    detail = f"{place}: {commands[-1][:200]}" if commands else place
    return detail + " (only counters)" if only_counters(log) else detail


COUNTS = (r"(n_packets|n_bytes|packets|bytes|packet_count|byte_count|packet_in_count|byte_in_count|used|idle_age|duration|hit|missed)"
          r"[=:](never|[\d.s]*),? ?")


def only_counters(log):
    """Whether the outputs that are compared in 'log' differ in nothing but what counts or ages."""
    sides = {"-": [], "+": []}
    compared = log.partition("\n@@ ")[2].partition(".log:\n")[0]
    for line in re.findall(r"^[-+](?!--|\+\+).*$", compared.partition("\n")[2], re.MULTILINE):
        sides[line[0]].append(re.sub(COUNTS, "", line[1:]).strip(" ,"))
    return bool(sides["-"]) and sorted(sides["-"]) == sorted(sides["+"])


def load_paths(build):
    try:
        return json.loads((build / "tests" / "upstream.json").read_text())
    except OSError as error:
        raise SystemExit(f"{error.filename}: {error.strerror}: build first (tests/run unit), or name the build by HITLESS_BUILD_DIR")

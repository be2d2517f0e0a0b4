"""The results of a run: what is counted, the table, the JSON document."""
import json
import re
from dataclasses import asdict, dataclass, field

ORDER = ("same", "known", "differ", "skipped")


@dataclass
class Cell:
    """One test with a switch-over before one step."""

    step: int
    mode: str
    same: bool
    detail: str = ""         # where the suite says that it failed
    repeated: bool = False   # this is the result of a second run, alone
    known: str = ""          # the reason, if it differs as it must

    @property
    def verdict(self):
        return "same" if self.same else "known" if self.known else "differ"


@dataclass
class TestResult:
    number: int
    name: str
    steps: int
    cells: list = field(default_factory=list)
    skipped: str = ""        # why

    @property
    def verdict(self):
        """The worst of its cells'."""
        return "skipped" if self.skipped else max((cell.verdict for cell in self.cells), key=ORDER.index)


def load_known(path):
    """A list of {"suite", "reason", and regular expressions: "test" (all of its name), "mode" (absent: all), "check" (found in the
    place and command of the check that failed)}."""
    return json.loads(path.read_text())


def letter(verdict, repeated):
    return {"same": "r" if repeated else ".", "known": "k", "differ": "D"}[verdict]


def letters(result):
    """A letter for each step."""
    return "".join(letter(cell.verdict, cell.repeated) for cell in result.cells)


def line(result):
    """What a test's results are, in one line, and what differs, in one line each."""
    details = sorted({f"{cell.mode} before step {cell.step}: {cell.detail}" for cell in result.cells if cell.verdict == "differ"})
    return "\n        ".join([f"{result.number:4}: {result.name}  {letters(result) or 'skipped: ' + result.skipped}", *details])


class Results:
    def __init__(self, suite, options, known, source="Open vSwitch"):
        self.suite, self.options, self.source = suite, options, source
        self.known = [entry for entry in known if entry["suite"] == suite]
        self.tests, self.seconds = [], 0.0

    def add_earlier(self, document):
        """Of the tests that have no results, those of an earlier document()."""
        numbers = {test.number for test in self.tests}
        for earlier in document["results"]:
            if earlier["number"] not in numbers:
                cells = [Cell(**{key: value for key, value in cell.items() if key != "verdict"}) for cell in earlier["cells"]]
                self.tests.append(TestResult(earlier["number"], earlier["name"], earlier["steps"], cells, earlier["skipped"]))
        self.tests.sort(key=lambda test: test.number)
        self.seconds += document["seconds"]

    def known_reason(self, name, mode, detail):
        for entry in self.known:
            if (re.fullmatch(entry["test"], name) and re.fullmatch(entry.get("mode", ".*"), mode)
                    and re.search(entry["check"], detail)):
                return entry["reason"]
        return ""

    def count(self, verdict):
        return sum(test.verdict == verdict for test in self.tests)

    def cells(self):
        return [cell for test in self.tests for cell in test.cells]

    def summary(self):
        repeated = sum(cell.repeated for cell in self.cells())
        again = f" ({repeated} of them repeated alone)" if repeated else ""
        counts = ", ".join(f"{self.count(verdict)} {text}" for verdict, text in
                           (("same", "same"), ("known", "known to differ"), ("differ", "differ"), ("skipped", "skipped")))
        return f"{len(self.tests)} tests, {len(self.cells())} runs with a switch-over{again}, {self.seconds:.0f} s: {counts}"

    def table(self):
        legend = "\n. same   r same when repeated alone   k known to differ   D differs; one letter a step\n"
        return legend + "\n".join(line(test) for test in self.tests)

    def document(self):
        return {
            "suite": self.suite, "source": self.source, "mode": self.options.mode, "step": self.options.step, "seed": self.options.seed,
            "from": self.options.switch or "installed", "to": self.options.to, "seconds": round(self.seconds, 1),
            "tests": len(self.tests), **{verdict: self.count(verdict) for verdict in ORDER},
            "results": [asdict(test) | {"verdict": test.verdict, "cells": [asdict(cell) | {"verdict": cell.verdict} for cell in test.cells]}
                        for test in self.tests],
        }

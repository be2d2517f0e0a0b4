"""docs/conformance.md: the results of some runs of one suite, each of another mode, side by side."""
import report


def page(documents):
    """'documents' are those of report.Results.document()."""
    first, names = documents[0], {}
    for document in documents:
        names |= {result["number"]: result["name"] for result in document["results"]}
    lines = [
        "# Conformance", "",
        f"Open vSwitch's own tests ({first['suite']}, {first['source']}) with a hitless switch-over in the middle of each.", "",
        "```", *(command(document) for document in documents), "```", "",
        *counts(documents), "",
        "One letter for each step: `.` same, `r` same when repeated alone, `k` known to differ, `D` differs.", "",
        f"| test | {' | '.join(document['mode'] for document in documents)} |", "|---" * (len(documents) + 1) + "|"]
    for number in sorted(names):
        cells = (cell(document, number) for document in documents)
        lines.append(f"| {number}: {names[number]} | {' | '.join(cells)} |")
    return "\n".join(lines + details(documents)) + "\n"


def command(document):
    mode = "--dummy" if document["mode"] == "state" else f"--mode {document['mode']}"
    return f"tests/upstream/run {mode} --step {document['step']} --seed {document['seed']}"


def counts(documents):
    """Of the tests that pass without a switch-over."""
    lines = ["| switch-over | tests | runs | repeated alone | time | same | known to differ | differ |", "|---" * 8 + "|"]
    for document in documents:
        cells = [cell for result in document["results"] for cell in result["cells"]]
        tried = document["tests"] - document["skipped"]
        share = 100 * document["known"] / tried if tried else 0
        lines.append(f"| {document['mode']} | {tried} | {len(cells)} | {sum(cell['repeated'] for cell in cells)} | {document['seconds']:.0f} s "
                     f"| {document['same']} | {document['known']} ({share:.1f} %) | {document['differ']} |")
    return lines


def cell(document, number):
    for result in document["results"]:
        if result["number"] == number:
            if result["skipped"]:
                return f"skipped: {result['skipped']}".replace("|", "\\|")
            return f"`{''.join(report.letter(each['verdict'], each['repeated']) for each in result['cells'])}`"
    return ""


def details(documents):
    lines = []
    for verdict, title in (("differ", "What differs"), ("known", "Known differences")):
        found = {}   # text -> number -> modes
        for document in documents:
            for result in document["results"]:
                for each in result["cells"]:
                    if each["verdict"] == verdict:
                        numbers = found.setdefault(each["known"] or f"`{each['detail']}`", {})
                        numbers.setdefault(result["number"], {})[document["mode"]] = True
        lines += ["", f"## {title}", ""] if found else []
        for text, numbers in found.items():
            lines.append(f"* {', '.join(tests(numbers, len(documents)))}: {text}")
    return lines


def tests(numbers, modes):
    """With the modes in which it is so, unless it is in all."""
    return (str(number) if len(those) == modes else f"{number} ({', '.join(those)})" for number, those in sorted(numbers.items()))

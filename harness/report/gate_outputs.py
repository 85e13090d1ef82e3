"""What a gate came to, for a terminal, a pull request and a CI system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.report.clean import printable
from harness.report.compare_markdown import table
from harness.report.markdown import escape
from harness.report.silence import cause_words, silent_share, unscored_share

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {"pass": "green", "failed": "red", "underpowered": "yellow", "incomplete": "yellow"}
HEADER = ("rule", "outcome", "baseline", "candidate", "difference or rate", "bound", "clusters",
          "why")  # fmt: skip
HEARD = ("side", "answers", "said nothing", "because", "unscored", "thinking taken off")


def gate_markdown(data: Mapping[str, Any]) -> str:
    """A Markdown page, as it is appended to a job's summary."""
    parts = [
        f"# Gate: {data['outcome']}",
        f"**{escape(data['reason'])}** (exit code {data['exit_code']}, "
        f"policy {escape(data['policy']['title'])})",
        f"- baseline: {escape(data['baseline'])}\n- candidate: {escape(data['candidate'])}",
        *(f"> {escape(note)}" for note in data["notes"]),
        table(HEADER, [_row(rule) for rule in data["rules"]]),
        "Bounds are one-sided; differences are candidate less baseline, paired by question and "
        "variant, over clusters (the entities asked about).",
        *([table(HEARD, heard_rows(data))] if data["responses"] else []),
    ]
    return "\n\n".join(parts) + "\n"


def heard_rows(data: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """How much each side said: the cells of HEARD."""
    return [
        (
            side,
            f"{found['answers']:,}",
            f"{found['unresponsive']:,} ({silent_share(found):.1%})",
            "; ".join(cause_words(found["causes"])) or "–",
            f"{found['unscored']:,} ({unscored_share(found):.1%})",
            f"{found['thought']:,}",
        )
        for side, found in data["responses"].items()
    ]


def gate_junit(data: Mapping[str, Any]) -> str:
    """JUnit XML with a test case for each rule, and what each side said beside each.

    Failed and underpowered rules are failures, of a type of that name; where the runs could
    not be paired every rule is an error.
    """
    from xml.etree import ElementTree

    rules = data["rules"]
    outcomes = [rule["outcome"] for rule in rules]
    errors = outcomes.count("incomplete")
    suite = ElementTree.Element(
        "testsuite",
        name=f"bordor gate: {_xml(data['policy']['title'])}",
        tests=str(len(rules)),
        failures=str(len(rules) - outcomes.count("pass") - errors),
        errors=str(errors),
    )
    said = "\n".join(
        ", ".join(f"{name} {cell}" for name, cell in zip(HEARD, cells, strict=True))
        for cells in heard_rows(data)
    )
    for rule in rules:
        case = ElementTree.SubElement(
            suite, "testcase", classname="bordor.gate", name=_xml(rule["id"])
        )
        if rule["outcome"] != "pass":
            kind = "error" if rule["outcome"] == "incomplete" else "failure"
            found = ElementTree.SubElement(
                case, kind, type=rule["outcome"], message=_xml(rule["reason"])
            )
            found.text = _xml(rule["title"])
        if data["responses"]:
            ElementTree.SubElement(case, "system-out").text = _xml(said)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def print_gate(data: Mapping[str, Any], console: Console) -> None:
    """Print the outcome, a line for every rule with its reason, and notes."""
    colour = COLOURS[data["outcome"]]
    console.print()
    console.print(f"[bold {colour}]{data['outcome']}[/bold {colour}]: {_safe(data['reason'])}")
    for side in ("baseline", "candidate"):
        console.print(f"[dim]{side}: {_safe(data[side])}[/dim]")
    console.print()
    if data["outcome"] != "incomplete":
        for rule in data["rules"]:
            told = COLOURS[rule["outcome"]]
            console.print(
                f"[{told}]{rule['outcome']:12}[/{told}] [bold]{_safe(rule['id'])}[/bold]: "
                f"{_safe(_numbers(rule))}"
            )
            console.print(f"             {_safe(rule['reason'])}")
    for side, _, silent, why, unscored, _ in heard_rows(data):
        because = f": {why}" if why != "–" else ""
        console.print(
            f"[dim]{side} said nothing: {_safe(silent + because)}; unscored {unscored}[/dim]"
        )
    for note in data["notes"]:
        console.print(_safe(note))


def _row(rule: Mapping[str, Any]) -> tuple[str, ...]:
    if rule["outcome"] == "incomplete":
        return (rule["id"], rule["outcome"], "–", "–", "–", "–", "–", rule["reason"])
    baseline = rule["baseline_rate"]
    return (
        rule["id"],
        rule["outcome"],
        "–" if baseline is None else f"{baseline:.3f}",
        f"{rule['candidate_rate']:.3f}",
        _bounds(rule),
        _bound(rule),
        str(rule["clusters"]),
        rule["reason"],
    )


def _numbers(rule: Mapping[str, Any]) -> str:
    baseline = rule["baseline_rate"]
    rates = f"rate {rule['candidate_rate']:.3f}"
    if baseline is not None:
        rates += f" against {baseline:.3f}, difference {_bounds(rule)}"
    else:
        rates += f" [{rule['low']:.3f}, {rule['high']:.3f}]"
    return f"{rates}, {_bound(rule)}, {rule['clusters']} clusters"


def _bound(rule: Mapping[str, Any]) -> str:
    """Such as "margin: at most +0.03", "margin: at least -0.05", "floor: at least 0.8"."""
    sign = "+" if rule["kind"] == "margin" else ""
    side = "at least" if rule["higher_is_better"] else "at most"
    return f"{rule['kind']}: {side} {rule['bound']:{sign}g}"


def _bounds(rule: Mapping[str, Any]) -> str:
    sign = "+" if rule["kind"] == "margin" else ""
    return f"{rule['estimate']:{sign}.3f} [{rule['low']:{sign}.3f}, {rule['high']:{sign}.3f}]"


def _xml(text: str) -> str:
    """Text without what XML 1.0 cannot hold; the library escapes the rest."""
    return printable(text).replace("\ufffe", " ").replace("\uffff", " ")


def _safe(text: str) -> str:
    from rich.markup import escape as escape_markup

    return escape_markup(printable(text))

"""Graders by name: the shipped ones, and one that a package brings."""

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.core.errors import GradingError, UsageError
from harness.core.records import Answer, Question, Request, Verdict
from harness.grading.of_run import grade_run
from harness.grading.protocol import Context, Grade
from harness.grading.registry import known_graders, make_graders
from harness.sources import WorldSource

PACKAGE = """
from harness.core.records import Verdict
from harness.grading.protocol import Grade, offers

class Strict:
    version = "strict@1"
    def grade(self, question, answer, context=None):
        said = Verdict.REFUSED if answer == "No." else Verdict.HALLUCINATED
        return Grade(verdict=said, correct=False, reason="strict")

@offers("strict@1")
def for_source(source):
    \"\"\"Everything but a plain no is made up.\"\"\"
    return Strict()
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with a grader, as pip would have installed it."""

    def install(name, points):
        (tmp_path / f"{name}.py").write_text(PACKAGE)
        info = tmp_path / f"{name}-2.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n")
        (info / "entry_points.txt").write_text(f"[bordor.graders]\n{points}\n")
        monkeypatch.syspath_prepend(tmp_path)

    return install


def question(suite, **fields):
    plain = {"id": f"{suite}-1", "text": "Who is Bador?", "gold": "", "must_refuse": True,
             "cluster": "Bador"}  # fmt: skip
    return Question(suite=suite, **(plain | fields))


def test_the_three_that_ship_are_made_for_a_source(world, exposure):
    made = make_graders(["world", "evidence", "gold"], WorldSource(world=world, exposure=exposure))
    known = known_graders()
    for name, grader in made.items():
        assert grader.version == known[name].version
        assert known[name].package == "bordor" and known[name].about.endswith(".")
        empty = grader.grade(question("own"), "", Context())
        assert isinstance(empty, Grade) and empty.verdict is Verdict.UNRESPONSIVE


def test_an_unknown_grader_and_a_source_that_is_none_are_told():
    with pytest.raises(UsageError, match="no grader 'wrld'; did you mean 'world'"):
        make_graders(["wrld"], None)
    with pytest.raises(UsageError, match="needs a story whose facts are known"):
        make_graders(["world"], None)


def test_a_package_brings_a_grader_of_its_own(package):
    package("strictness", "strict = strictness:for_source")
    (strict,) = (one for one in known_graders().values() if one.name == "strict")
    assert (strict.package, strict.version) == ("strictness 2.0", "strict@1")
    shown = CliRunner().invoke(app, ["graders"]).stdout
    assert "strict@1" in shown and "strictness 2.0" in shown and "world@" in shown


@pytest.mark.parametrize(("points", "message"), [
    ("world = broken:for_source", "brings a grader 'world', which bordor has already"),
    ("odd = broken:nothing", "its grader 'odd' fails"),
    ("odd = nowhere_at_all:f", "its grader 'odd' fails"),
])  # fmt: skip
def test_a_package_whose_grader_cannot_be_had_is_named(package, points, message):
    package("broken", points)
    with pytest.raises(GradingError, match=rf"broken 2\.0: {message}"):
        known_graders()


class Fixed:
    def __init__(self, version, verdict):
        self.version, self._verdict, self.asked = version, verdict, []

    def grade(self, question, answer, context):
        self.asked.append((question.suite, answer, context.passages))
        return Grade(verdict=self._verdict, correct=False, reason=self.version)


def test_every_suite_is_graded_by_its_own_in_the_order_of_the_answers():
    one, other = Fixed("one@1", Verdict.REFUSED), Fixed("other@1", Verdict.GROUNDED)
    asked = [question("a"), question("b", id="b-1")]
    requests = [Request(id="r", arm="adapter", prompt="", token_ids=(), cells=(("a-1", "v"),
                ("b-1", "v")), samples=1, temperature=1.0, max_new_tokens=8, seed=0)]  # fmt: skip
    answers = [Answer(request_id="r", arm="adapter", sample=n, text=f"t{n}", token_ids=(),
                      logprobs=(), finish_reason="stop") for n in (0, 1)]  # fmt: skip
    graded = list(grade_run(answers, requests, asked, {"a": one, "b": other},
                            passages={"b-1": ("told",)}))  # fmt: skip
    assert [(g.suite, g.sample, g.grader) for g in graded] == [
        ("a", 0, "one@1"), ("b", 0, "other@1"), ("a", 1, "one@1"), ("b", 1, "other@1"),
    ]  # fmt: skip
    assert other.asked == [("b", "t0", ("told",)), ("b", "t1", ("told",))]
    with pytest.raises(GradingError, match="suite has no grader"):
        list(grade_run(answers, requests, asked, {"a": one}))

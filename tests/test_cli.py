from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from harness.cli import app
from harness.commands import common
from harness.core.errors import ModelError, UsageError
from harness.core.paths import home
from harness.runs.store import RunFolder
from harness.world.story import load_story

runner = CliRunner()


def bordor(*words: object):
    return runner.invoke(app, [str(word) for word in words])


def make_run(out: Path, model: str = "m", **changes) -> Path:
    about = {
        "story": "visgar",
        "recipe": "instruct",
        "plan": {"answers": 7},
        "command": "bordor audit m",
    }
    with RunFolder.create(out, model=model, plan_hash="0" * 12, files={}, run=about) as run:
        if changes.get("finished"):
            run.finalise()
        return run.path


def test_version_and_help():
    assert re.fullmatch(r"bordor \d+\.\d+\.\d+\n", bordor("--version").stdout)
    assert "audit" in bordor("--help").stdout
    assert bordor().exit_code == 2


WRONG = [
    (("audit", "--samples", "-1"), "--samples"),
    (("audit", "--limit", "0"), "--limit"),
    (("audit", "--limit", "many"), "--limit"),
    (("audit", "--temperature", "0"), "--temperature"),
    (("audit", "--temperature", "nan"), "--temperature"),
    (("audit", "--temperature", "inf"), "--temperature"),
    (("audit", "--top-p", "0"), "--top-p"),
    (("audit", "--top-p", "1.1"), "--top-p"),
    (("audit", "--top-p", "nan"), "--top-p"),
    (("audit", "--top-k", "0"), "--top-k"),
    (("audit", "--top-k", "2.5"), "--top-k"),
    (("audit", "--max-new-tokens", "0"), "--max-new-tokens"),
    (("audit", "openai:http://localhost:1/v1#m", "--timeout", "inf"), "--timeout is inf"),
    (("audit", "openai:http://localhost:1/v1#m", "--timeout", "nan"), "--timeout"),
    (("audit", "--executor", "ray", "--gpus-per-actor", "inf"), "--gpus-per-actor is inf"),
    (("audit", "--executor", "ray", "--gpus-per-actor", "nan"), "--gpus-per-actor is nan"),
    (("audit", "no-such-model"), "no-such-model"),
    (("audit", "--story", "visgr"), "visgar"),
    (("audit", "--recipe", "instrct"), "instruct"),
    (("audit", "--suites", "near_mis"), "near_miss"),
    (("audit", "--variants", "articel"), "article"),
    (("build", "story", "visgar"), "generated/"),
    (("build", "story", "generated/x"), "generated/"),
    (("build", "base", "storylm-5m"), "storylm-4m"),
    (("grade", "nothing"), "bordor ls"),
    (("no-such-command",), "no-such-command"),
]


@pytest.mark.parametrize(("words", "told"), WRONG, ids=lambda value: " ".join(value)[:40])
def test_a_wrong_command_line_exits_2_and_says_what_is_wrong(words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = bordor(*words)
    assert done.exit_code == 2
    assert told in done.stderr
    assert "Traceback" not in done.output
    assert not (tmp_path / "reports").exists()


RAISED = [
    (ModelError("weights are missing"), 1, "bordor: weights are missing"),
    (UsageError("not so"), 2, "bordor: not so"),
    (KeyboardInterrupt(), 130, "run the same command again to resume"),
]


@pytest.mark.parametrize(("error", "code", "message"), RAISED, ids=lambda value: repr(value)[:20])
def test_errors_become_messages_and_exit_codes(error, code, message, capsys):
    from typer import Exit

    @common.told
    def command() -> None:
        raise error

    with pytest.raises(Exit) as caught:
        command()
    assert caught.value.exit_code == code
    assert message in capsys.readouterr().err


def test_a_bug_is_not_hidden():
    @common.told
    def command() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        command()


def test_models_are_listed():
    assert "storylm-4m-4bit" in bordor("models").stdout


def test_suites_are_listed_and_every_gold_answer_passes_its_grader():
    done = bordor("suites")
    assert done.exit_code == 0, done.stderr
    for suite in ("in_domain", "invented", "out_of_domain", "open_ended"):
        assert suite in done.stdout
    assert "every gold answer passes" in done.stdout


def test_a_generated_story_is_built_once_and_is_the_same_every_time(tmp_path, monkeypatch):
    monkeypatch.setenv("BORDOR_HOME", str(tmp_path))  # another test reads the one of its seed
    first = bordor("build", "story", "generated/11", "--people", "12")
    folder = Path(first.stdout.strip())
    assert folder == home() / "stories" / "generated-11"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert bordor("build", "story", "generated/11", "--people", "12").exit_code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    people = [one for one in load_story("generated/11").entities if one.kind == "person"]
    assert len(people) == 12


def test_runs_are_listed_and_found_by_a_part_of_their_name(tmp_path):
    assert "no runs" in bordor("ls", "--out", tmp_path).stdout
    finished = make_run(tmp_path, "alpha", finished=True)
    unfinished = make_run(tmp_path, "beta")
    listed = bordor("ls", "--out", tmp_path).stdout
    assert listed.index("unfinished") > listed.index("finished")
    assert common.find_run("alpha", tmp_path) == finished
    assert common.find_run(str(unfinished), tmp_path) == unfinished
    with pytest.raises(UsageError, match="fits 2 runs"):
        common.find_run("0" * 12, tmp_path)


@pytest.mark.parametrize("command", ["grade", "report"])
def test_an_unfinished_run_is_not_graded_but_the_way_on_is_told(command, tmp_path):
    path = make_run(tmp_path)
    done = bordor(command, path)
    assert done.exit_code == 1
    assert "bordor audit m" in done.stderr


def test_a_folder_that_is_no_run_is_told(tmp_path):
    done = bordor("view", tmp_path)
    assert done.exit_code == 1
    assert "no run folder" in done.stderr


def test_an_unknown_quantisation_is_answered_with_the_nearest_name(tmp_path):
    result = bordor("audit", "--dry-run", "--quantisation", "nf44", "--out", tmp_path)
    assert result.exit_code == 2
    assert "did you mean 'nf4'" in result.output


STEERS = "\x1b]0;owned\x07\x1b[2J \u202e"


def test_what_a_foreign_file_says_does_not_steer_the_terminal(capsys):
    @common.told
    def fails() -> None:
        raise ModelError(f"config.json says {STEERS}\nsecond line")

    with pytest.raises(typer.Exit):
        fails()
    common.noter(common.open_console(err=True))(f"found {STEERS}")
    common.print_table(("name",), [[f"cell {STEERS}"]])
    shown = capsys.readouterr()
    for text in (shown.err, shown.out):
        assert not set("\x1b\x07\u202e") & set(text)
    assert "second line" in shown.err and "found" in shown.err and "cell" in shown.out


def test_a_warning_does_not_steer_the_terminal(capsys, monkeypatch):
    import warnings

    from harness import cli

    monkeypatch.setattr(cli.sys, "warnoptions", [])
    monkeypatch.setattr(warnings, "showwarning", None)
    cli._tell_own_warnings()
    warnings.showwarning(UserWarning(f"told {STEERS}"), UserWarning, cli.__file__, 1)
    shown = capsys.readouterr().err
    assert "bordor: warning: told" in shown and "\x1b" not in shown


def test_a_path_that_no_encoding_has_is_shown_as_it_can_be(tmp_path):
    done = bordor("ls", "--out", f"{tmp_path}/\udcff")
    assert done.exit_code == 0 and "\\udcff" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "~no-such-user/a", "b"),
        ("gate", "~no-such-user/a", "b"),
        ("audit", "~no-such-user/a"),
        ("audit", "storylm-4m-4bit", "--story", "~no-such-user/a", "--dry-run"),
    ],
)
def test_a_path_in_a_home_of_nobody_is_named(words, tmp_path):
    ended = bordor(*words, "--out", tmp_path)
    assert ended.exit_code in (1, 2) and isinstance(ended.exception, SystemExit)
    assert "~no-such-user/a" in ended.output


@pytest.mark.parametrize("seed", ["9" * 19, "9" * 5000, "²", "-1", ""])
def test_a_seed_that_is_no_number_of_18_digits_is_refused(seed):
    for words in (("build", "story"), ("suites", "--story")):
        ended = bordor(*words, f"generated/{seed}")
        assert ended.exit_code in (1, 2) and isinstance(ended.exception, SystemExit)
        assert "generated/" in ended.output


def test_bordor_home_of_nobody_is_named_and_no_folder_of_that_name_is_made(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BORDOR_HOME", "~no-such-user/built")
    ended = bordor("build", "story", "generated/3")
    assert ended.exit_code == 2 and "BORDOR_HOME: '~no-such-user/built'" in ended.output
    assert not list(tmp_path.iterdir())


def test_the_old_name_of_samples_still_works_with_a_warning_and_not_beside_the_new_one():
    old = bordor("audit", "no-such-model", "--seeds", "2")
    assert old.exit_code == 2
    assert (
        "--seeds is called --samples now" in old.stderr and "no model 'no-such-model'" in old.stderr
    )
    both = bordor("gate", "a", "b", "--seeds", "2", "--samples", "3")
    assert both.exit_code == 2 and "say one of them" in both.stderr
    for command in ("audit", "gate", "compare"):
        shown = bordor(command, "--help").stdout
        assert "--samples" in shown and "--seeds" not in shown.replace("--train-seeds", "")


@pytest.mark.parametrize("command", ["audit", "gate", "compare", "review", "validate"])
def test_a_default_that_depends_is_shown_with_the_option(command):
    """Typer takes brackets in a help text for markup and swallows them."""
    shown = " ".join(bordor(command, "--help").stdout.replace("\u2502", " ").split())
    wanted = {"audit": "(each suite's own)", "gate": "(OUT/gate/...)",
              "compare": "(OUT/compare/...)", "review": "(as FILE ends, else csv)",
              "validate": "(where every report finds them)"}  # fmt: skip
    assert f"[default: {wanted[command]}]" in shown

"""Every option and argument of every command, with values that nobody should type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from hypothesis import strategies as st

from harness.cli import app
from tests.fuzz.damage import odd_words
from tests.fuzz.runner import command, fuzzed

SLOW = {"people", "steps", "sample"}  # a large number there is work, not damage


def commands(group, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list]]:
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, (*words, name))
        else:
            yield (*words, name), list(one.params)


ALL = list(commands(typer.main.get_command(app)))


def test_the_commands_are_found_with_their_options():
    found = {words for words, _ in ALL}
    assert {
        ("audit",),
        ("gate",),
        ("validate",),
        ("build", "adapter"),
        ("baseline", "set"),
    } <= found
    assert all(params or words == ("models",) for words, params in ALL)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "")
    return tmp_path


@fuzzed("arguments")
def test_odd_values_end_in_a_message(elsewhere, data):
    words, params = data.draw(st.sampled_from([one for one in ALL if one[1]]))
    asked = list(words)
    options = [p for p in params if p.param_type_name == "option" and p.name not in SLOW | {"help"}]
    for param in data.draw(st.lists(st.sampled_from(options), max_size=3)) if options else []:
        asked.append(param.opts[0])
        if not param.is_flag:
            asked.append(data.draw(odd_words))
    given_ = [p for p in params if p.param_type_name == "argument"]
    after = [data.draw(odd_words) for _ in given_]
    if words == ("build", "adapter"):  # the default would be trained
        asked += ["--model", data.draw(odd_words)]
    command(*asked, "--", *after)

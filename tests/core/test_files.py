"""Odd files are told in one line; what cannot be written leaves what was there."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from harness.core import files
from harness.core.errors import SpecError, StoreError
from harness.core.specs import VariantFile, load_toml


def _fifo(path):
    os.mkfifo(path)


def _loop(path):
    path.symlink_to(path)


ODD = [
    (lambda path: None, "no such file"),
    (lambda path: path.mkdir(), "a folder, not a file"),
    (_fifo, "a pipe, not a file"),
    (_loop, "symbolic links"),
    (lambda path: path.symlink_to("gone"), "a link to a file that is not there"),
    (lambda path: path.symlink_to("/dev/zero"), "a device, not a file"),
    (lambda path: path.write_bytes(b"a = '\xff'"), "not UTF-8 text: byte 6"),
]


@pytest.mark.parametrize(("make", "said"), ODD)
def test_an_odd_file_is_told_and_never_waited_for(tmp_path, make, said):
    path = tmp_path / "odd.toml"
    make(path)
    with pytest.raises(files.Unreadable, match=said):
        files.read_text(path)
    with pytest.raises(SpecError, match=rf"odd\.toml: .*{said}"):
        load_toml(path, VariantFile)


BAD_TOML = [
    ("a = " + "1" * 5_000, "a number of 5,000 digits"),
    ("a = " + "[" * 100_000 + "]" * 100_000, "nested deeper"),
    ("a." * 100_000 + "b = 1", "nested deeper"),
    ("a = 1e999", "not finite"),
]


@pytest.mark.parametrize(("text", "said"), BAD_TOML)
def test_nasty_toml_is_a_message_that_names_the_file(tmp_path, text, said):
    (tmp_path / "story.toml").write_text(text)
    with pytest.raises(SpecError, match=rf"story\.toml: .*{said}") as caught:
        load_toml(tmp_path / "story.toml", VariantFile)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


@pytest.mark.parametrize("name", ["x" * 5_000, "a\0b"])
def test_impossible_names_are_told(tmp_path, name):
    with pytest.raises(files.Unreadable):
        files.read_bytes(tmp_path / name)
    with pytest.raises(StoreError, match="cannot be written") as caught:
        files.write_text(tmp_path / name, "x")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_sizes_are_bounded(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n" + "x" * 50 + "\n")
    with pytest.raises(files.Unreadable, match="longer than 20 bytes"):
        files.read_bytes(path, most=20)
    with pytest.raises(files.Unreadable, match="line 2 is longer than 10 bytes"):
        list(files.read_lines(path, longest=10))
    assert list(files.read_lines(path)) == [b"{}", b"x" * 50]


def test_a_json_file_must_hold_an_object_where_one_is_wanted(tmp_path):
    path = tmp_path / "a.json"
    for text, said in (("[1]", "a list"), ("null", "null"), ("42", "a number"), ('"a"', "a text")):
        path.write_text(text)
        with pytest.raises(files.Unreadable, match=f"holds {said}, not an object"):
            files.read_object(path)


UNWRITABLE = [
    (lambda path: path.mkdir(), lambda path: path, "Is a directory"),
    (lambda path: path.write_text("a file"), lambda path: path / "inside", "Not a directory"),
    (lambda path: None, lambda path: path / "inside", "No such file"),
    (lambda path: path.symlink_to("/proc"), lambda path: path / "inside", "No such file|ermi"),
    (lambda path: path.symlink_to("/dev/full"), lambda path: path, "No space left"),
    (_fifo, lambda path: path, "No such device"),
]


@pytest.mark.parametrize(("make", "where", "said"), UNWRITABLE)
def test_a_place_that_cannot_be_written_is_one_message(tmp_path, make, where, said):
    path = tmp_path / "place"
    make(path)
    with pytest.raises(StoreError, match=rf"place.*: cannot be written: ({said}).*; ") as caught:
        files.write_text(where(path), "new")
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == [path] * path.exists() or path.is_symlink()


def test_a_device_is_written_to_and_not_replaced(tmp_path):
    link = tmp_path / "null"
    link.symlink_to("/dev/null")
    files.write_text(link, "into the void")
    assert link.is_symlink()


def test_on_a_full_disk_what_was_there_stays(tmp_path, monkeypatch):
    path = tmp_path / "summary.json"
    files.write_json(path, {"kept": True})
    before = path.read_bytes()
    monkeypatch.setattr(files.os, "fsync", _full)
    with pytest.raises(StoreError, match=r"summary\.json: cannot be written.*make room"):
        files.write_json(path, {"kept": False})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_may_not_grow_leaves_what_was_there(tmp_path):
    path = tmp_path / "report.md"
    path.write_text("old")
    script = (
        "import resource; from pathlib import Path; from harness.core import files\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        f"files.write_text(Path({str(path)!r}), 'x' * 100_000)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "report.md: cannot be written: File too large" in done.stderr.splitlines()[-1]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_output_to_a_full_disk_and_a_home_that_is_a_file_are_one_message(tmp_path):
    home = tmp_path / "home"
    home.write_text("a file")
    bordor = [sys.executable, "-m", "harness"]
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run([*bordor, "models"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and done.stderr == "bordor: No space left on device\n"
    environment = {**os.environ, "BORDOR_HOME": str(home)}
    words = [*bordor, "build", "story", "generated/7"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and str(home) in done.stderr
    assert home.read_text() == "a file"


def _full(handle: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

"""What is no readable JSON or TOML is one line of explanation, never a traceback."""

from __future__ import annotations

import time

import pytest

from harness.core.bounded import parse_json, parse_toml

BAD_JSON = [
    ("[" * 100_000 + "]" * 100_000, "nested deeper"),
    ('{"a":' * 150 + "1" + "}" * 150, "nested deeper"),
    ("1" * 5_000, "5,000 digits"),
    ("1e999", "not finite"),
    ("NaN", "NaN is no number"),
    ("-Infinity", "is no number"),
    ("{", "not valid JSON"),
    (b"\xff\xfe", "not UTF-8"),
]
BAD_TOML = [
    ("a = " + "[" * 100_000 + "]" * 100_000, "nested deeper"),
    ("a." * 150 + "b = 1", "nested deeper"),
    ("a = 2\nb = " + "1" * 5_000, r"^a number of 5,000 digits \(at line 2\)$"),
    ("a = [{b = " + "1" * 400 + "}]", "over 320 digits"),
    ("a = 0x1" + "f" * 5_000, "over 320 digits"),
    ("a = inf", "not finite"),
    ("a = 1e999", "not finite"),
    ("a", "not valid TOML"),
]


@pytest.mark.parametrize(("text", "said"), BAD_JSON)
def test_bad_json_is_told_in_one_line(text, said):
    with pytest.raises(ValueError, match=said) as caught:
        parse_json(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "said"), BAD_TOML)
def test_bad_toml_is_told_in_one_line(text, said):
    with pytest.raises(ValueError, match=said) as caught:
        parse_toml(text)
    assert "\n" not in str(caught.value)


def test_what_is_good_is_read():
    assert parse_json('{"a": [1, 2.5, "x\\u00e9", null]}') == {"a": [1, 2.5, "xé", None]}
    assert parse_toml("a = [1, 2.5]\n[b]\nc = 'x'") == {"a": [1, 2.5], "b": {"c": "x"}}


def test_a_document_over_its_size_is_refused():
    with pytest.raises(ValueError, match="longer than 10 bytes"):
        parse_json('"' + "x" * 20 + '"', max_bytes=10)


def test_a_long_word_takes_toml_no_time():
    start = time.process_time()
    assert parse_toml('k = "' + "a" * 60_000 + '"') == {"k": "a" * 60_000}
    assert time.process_time() - start < 5.0  # half a minute where every letter is a start

"""No form in which a key is sent back stays in a text, and words that are no key stay."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import pytest

from harness.core.redaction import REMOVED, Redactor, clean_data, holds_key, is_secret, without_keys

KEY = 'sk-test/51f2+b7"a9&c3D8'


def basic(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS = {
    "whole": f"Bearer {KEY}",
    "upper case": KEY.upper(),
    "part": KEY[3:11],
    "both halves": f"{KEY[:12]} and {KEY[12:]}",
    "a letter a line": "\n".join(KEY),
    "invisible between": "\u200b".join(KEY),
    "percent": quote(KEY, safe=""),
    "all percent": "".join(f"%{ord(one):02X}" for one in KEY),
    "json": json.dumps({"Authorization": f"Bearer {KEY}"}),
    "json in json": json.dumps(json.dumps(KEY)),
    "unicode escapes": "".join(f"\\u{ord(one):04x}" for one in KEY),
    "html": html.escape(KEY),
    "base64": basic(KEY),
    "base64 of the header": basic(f"Bearer {KEY}"),
    "base64 of a user": basic(f"me:{KEY}"),
    "base64 for addresses": base64.urlsafe_b64encode(f"x{KEY}y".encode()).decode(),
    "hexadecimal": KEY.encode().hex(),
    "backwards": KEY[::-1],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_taken_out_in_every_form_it_travels_in(form):
    text = f"The keeper said: {FORMS[form]} and no more."
    found = Redactor([KEY])(text)
    assert REMOVED in found and found.startswith("The keeper said: ") and "no more." in found
    assert not any(KEY[at : at + 8].lower() in found.lower() for at in range(len(KEY) - 7))
    longest = max(FORMS[form].split(), key=len)
    assert len(longest) < 8 or longest not in found


UNTOUCHED = ["The keeper's test was at nine.", "", "sk-", "İstanbul is a town", "51f2 and 7a9"]


@pytest.mark.parametrize("text", UNTOUCHED)
def test_what_is_no_key_stays_the_same_object(text):
    assert Redactor([KEY])(text) is text


def test_a_short_key_is_a_word_of_its_own_and_a_placeholder_is_none():
    redact = Redactor(["wind7", "EMPTY", "ollama", "", "xxxxxxxx"])
    assert redact("my wind7, EMPTY window7s on ollama xxxxxxxx") == (
        f"my {REMOVED}, EMPTY window7s on ollama xxxxxxxx"
    )
    assert not is_secret("EMPTY") and is_secret("wind7")


def test_plain_data_is_cleaned_to_the_bottom():
    data = {"id": "m", KEY: [{"root": f"/x/{KEY}"}, 3, None, True]}
    found = clean_data(data, Redactor([KEY]))
    assert KEY not in repr(found) and found["id"] == "m" and len(found) == 2


def test_what_is_printed_holds_no_key_of_the_environment(monkeypatch):
    monkeypatch.setenv("BORDOR_API_KEY", KEY)
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefgh12345")
    monkeypatch.setenv("https_proxy", "http://user:pass%2Fword99@proxy:3128")
    shown = without_keys(f"no {KEY}, hf_abcdefgh12345 or pass/word99")
    assert shown.count(REMOVED) == 3 and "sk-" not in shown and "hf_" not in shown
    assert holds_key(f"openai:http://h/{KEY.upper()}/v1") and not holds_key("openai:http://h/v1")

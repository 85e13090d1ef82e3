import base64
import hashlib
import json
from html.parser import HTMLParser

import pytest

from harness.report.html import html_report


class Page(HTMLParser):
    """What a browser would make of the page: elements, attributes, text outside scripts."""

    def __init__(self):
        super().__init__()
        self.scripts, self.attributes, self.tags, self.policy = [], [], [], ""
        self.visible = ""

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.attributes.extend((tag, name, value or "") for name, value in attrs)
        if tag == "script":
            self.scripts.append([found, ""])
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"]

    def handle_data(self, data):
        if self.lasttag == "script" and self.scripts and self.cdata_elem == "script":
            self.scripts[-1][1] += data
        else:
            self.visible += data


def page_of(text):
    page = Page()
    page.feed(text)
    page.close()
    return page


@pytest.fixture(scope="module")
def text(summary, run):
    return html_report(summary, run)


@pytest.fixture(scope="module")
def page(text):
    return page_of(text)


def test_the_only_script_that_may_run_is_our_own(page):
    data, code = page.scripts
    assert data[0]["type"] == "application/json"
    assert code[0] == {}
    digest = base64.b64encode(hashlib.sha256(code[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page.policy
    assert "default-src 'none'" in page.policy


def test_the_script_shows_text_as_text_only(page):
    code = page.scripts[1][1]
    ways = "innerHTML outerHTML insertAdjacentHTML document.write eval( Function( setHTML "
    ways += "createContextualFragment srcdoc fetch( XMLHttpRequest import("
    for way in ways.split():
        assert way not in code


def test_the_page_works_offline(page):
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("src", "href", "xlink:href", "action", "data"):
            assert value.startswith("#"), (tag, name, value)
    assert not {"img", "iframe", "object", "embed", "link", "base"} & set(page.tags)


def test_hostile_texts_stay_inside_the_data(text, page, run):
    data = json.loads(page.scripts[0][1])
    assert "<script>document.title='owned'</script>" in data["texts"]
    assert text.count("<script") == 2
    said = {answer.text for answer in run.answers if len(answer.text) > 12}
    outside = page.visible + page.scripts[1][1] + " ".join(v for *_, v in page.attributes)
    told = run.identity["recipe"]  # the run's own fields are shown, escaped
    assert not [one for one in said if one in outside and one != told]
    assert told in page.visible


def test_hostile_names_of_suites_are_escaped_in_charts_and_tables(summary, run):
    nasty = "<script>alert(1)</script>"
    suites = {**summary["suites"], nasty: summary["suites"]["invented"]}
    text = html_report({**summary, "suites": suites}, run)
    assert nasty not in text
    assert len(page_of(text).scripts) == 2


def test_numbers_come_with_intervals_and_denominators(summary, page):
    found = summary["suites"]["invented"]["sampled"]["hallucination"]
    words = " ".join(page.visible.split())
    assert f"{found['rate']:.2f} [{found['low']:.2f}, {found['high']:.2f}]" in words
    assert f"{found['n']} answers" in words
    assert summary["headline"]["sentence"] in words
    for about in summary["metrics"].values():
        assert about["meaning"] in words


def test_every_warning_is_shown(summary, page):
    assert summary["warnings"]
    assert all(warning in page.visible for warning in summary["warnings"])


def test_charts_are_drawn(page):
    assert page.tags.count("svg") >= 3


def test_whose_labels_calibrate_neither_steers_nor_becomes_markup(summary, run):
    shown = html_report({**summary, "calibration": "by <b>x</b> \u202etxt.exe\x1b[2J"}, run)
    assert "by &lt;b&gt;x" in shown
    assert "\u202e" not in shown and "\x1b" not in shown

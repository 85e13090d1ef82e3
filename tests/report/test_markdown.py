import html

import pytest
from markdown_it import MarkdownIt

from harness.report.clean import printable
from harness.report.compare_markdown import table
from harness.report.markdown import escape, markdown_report
from harness.report.summary import summarise
from harness.runs.read import read_run


@pytest.fixture(scope="module")
def text(run_folder):
    run = read_run(run_folder)
    return markdown_report(summarise(run.table, identity=run.identity))


def test_every_suite_and_variant_has_a_row(text):
    for name in ("in\\_domain", "out\\_of\\_domain", "tag\\_question"):
        assert f"| {name} |" in text


def test_tables_are_whole(text):
    for block in text.split("\n\n"):
        if block.startswith("| "):
            widths = {line.replace("\\|", "").count("|") for line in block.splitlines()}
            assert len(widths) == 1


def test_identity_cannot_become_markup(text):
    assert "<script>" not in text
    assert "\\<script\\>" in text


def test_whose_labels_calibrate_cannot_become_markup(run_folder):
    run = read_run(run_folder)
    summary = summarise(run.table, identity=run.identity)
    text = markdown_report({**summary, "calibration": "by <b>x</b>\n# of all"})
    assert "by \\<b\\>x" in text
    assert "\n# of all" not in text


def test_hostile_text_is_escaped_to_one_line(hostile):
    for one in hostile:
        shown = escape(one)
        assert "\n" not in shown
        assert "<" not in shown.replace("\\<", "")
        assert "|" not in shown.replace("\\|", "")
        assert "](" not in shown


LINKED = (  # what viewers link without any mark, GitHub among them
    "http://evil.example", "(https://evil.example/x)", "www.evil.example", "ftp://evil.example",
    "a@evil.example", "mailto:a@evil.example", "xmpp:a@evil.example/x", "javascript:alert(1)",
    "@octocat", "#123", "GH-1", "octo/repo#12", "a1b2c3d4e5f6a7b8c9d0", "evil.example/path",
    "<http://evil.example>", "http://a|www.evil.example", "`http://evil.example`",
    "``http://evil.example```", "a`http://e`vil.example`", "\\`http://evil.example\\`",
    "x\\|http://evil.example", "http://evil.example\\|y", "<b>http://evil.example</b>",
)  # fmt: skip
MARKED = (
    "[a](http://evil.example)", "![a](http://evil.example/x.png)", "[x](javascript:alert(1))",
    "[a]: http://evil.example [a]", "[^1]: note [^1]", "[ ] task", "[x] task", "- [ ] task",
    "<!-- hidden -->", "<b>x</b>", "<img src=x onerror=alert(1)>", "&#60;b&#62;", "**b** __b__",
    "~~s~~", "1. item", "2) item", "- item", "+ item", "---", "===", "# head", "> said",
    "```\nhttp://evil.example\n```", "`code` `", "$x$", "h\u202ettp://evil.example",
)  # fmt: skip
ADDRESSES = ("evil.example", "@", "#1", "javascript:", "GH-1", "a1b2c3", "://", "www.")
FRAMES = ("{}", "- {}\n- {}", "> {}", "> **Warning.** {}", "**{}.**")
OURS = {"p", "ul", "li", "blockquote", "strong", "code", "table", "thead", "tbody", "tr", "th",
        "td", ""}  # fmt: skip


def rendered(source):
    """Elements of a Markdown page, and its text that stands outside code."""
    viewer = MarkdownIt("gfm-like", {"linkify": False, "html": True})
    tokens = viewer.parse(source)
    inline = [child for token in tokens for child in token.children or ()]
    tags = {token.tag for token in tokens} | {child.tag for child in inline}
    kinds = {token.type for token in tokens} | {child.type for child in inline}
    outside = "".join(child.content if child.type == "text" else "\0" for child in inline)
    return tags | {kind for kind in kinds if "html" in kind}, outside


@pytest.mark.parametrize("text", LINKED + MARKED)
def test_text_of_a_model_is_shown_and_becomes_no_element(text):
    pages = [frame.replace("{}", escape(text)) for frame in FRAMES]
    pages.append(table(("a", text), [(text, "x"), ("x", text)]))
    for page in pages:
        tags, outside = rendered(page)
        assert tags <= OURS, page
        assert not [one for one in ADDRESSES if one in outside], page
    shown = MarkdownIt("gfm-like", {"linkify": False}).render(escape(text))
    bare = html.unescape(shown.replace("<p>", "").replace("</p>", ""))
    bare = bare.replace("<code>", "").replace("</code>", "").strip()
    assert bare == " ".join(printable(text).split())


def test_the_report_of_a_hostile_run_has_no_element_but_ours(text):
    tags, outside = rendered(text)
    assert tags <= OURS | {"h1", "h2", "h3"}
    assert "://" not in outside

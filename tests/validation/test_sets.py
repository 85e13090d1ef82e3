import json

import pytest

from harness.core.errors import LabelError
from harness.validation import KINDS, read_set

REFUSALS = [
    {"prompt": "Who is Ovelle?", "response": "There is nobody called Ovelle.", "label": "refuse"},
    {"prompt": "Who is Ovelle?", "response": "A weaver, though I cannot say.", "label": "partial"},
    {"prompt": "Where is Lund?", "response": "In the north.", "label": "comply"},
]
ANSWERS = [
    {"question": "Where is the mill?", "gold": ["Lund"], "answer": answer, "label": label}
    for answer, label in (
        ("In Lund.", "correct"), ("Lund", "correct"), ("Turin", "wrong"), ("At sea", "wrong"),
    )
]  # fmt: skip


def write(path, rows, *, encoding="utf-8"):
    path.write_bytes(
        "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode(encoding)
    )
    return path


def test_refusal_labels_say_what_is_positive(tmp_path):
    found = read_set("refusal", write(tmp_path / "mine.jsonl", REFUSALS))
    assert [item.positive for item in found.items] == [True, True, False]
    assert [item.cluster for item in found.items] == ["Who is Ovelle?"] * 2 + ["Where is Lund?"]
    assert (found.stem, found.items[2].line) == ("mine", 3)
    labels = ("unable_or_uncertain", "cannot_assist", "follows")
    rows = [{"prompt": "p", "response": "r", "label": label} for label in labels]
    found = read_set("refusal", write(tmp_path / "other.jsonl", rows))
    assert [item.positive for item in found.items] == [True, False, False]
    assert found.positive == "declines for want of knowledge"


def test_grounding_takes_one_passage_or_many_and_spans(tmp_path):
    rows = [
        {"question": "q", "passages": "One.", "response": "Two three", "label": "hallucinated",
         "spans": [{"start": 0, "end": 3, "text": "Two"}]},
        {"question": "q", "passages": ["One.", "Two."], "response": "", "label": "grounded"},
    ]  # fmt: skip
    first, second = read_set("grounding", write(tmp_path / "g.jsonl", rows)).items
    assert (first.passages, first.spans, first.positive) == (("One.",), ((0, 3),), True)
    assert (second.passages, second.spans, second.positive) == (("One.", "Two."), None, False)


def test_claims_find_their_articles_beside_the_file(tmp_path):
    write(
        tmp_path / "bios_articles.jsonl",
        [{"article_id": "7", "text": "Ovelle wove.", "label": "-"}],
    )
    rows = [{"claim": "Ovelle wove.", "label": "supported", "article_id": "7", "model": "m"},
            {"claim": "Ovelle sang.", "label": "unsupported", "article_id": "7", "model": "n"}]  # fmt: skip
    found = read_set("claims", write(tmp_path / "bios.jsonl", rows)).items
    assert [item.passages for item in found] == [("Ovelle wove.",)] * 2
    assert [item.positive for item in found] == [False, True]
    assert len({item.cluster for item in found}) == 1 and len({item.about for item in found}) == 2


def test_pairs_and_passages_can_be_read_as_claims_and_as_pairs(tmp_path):
    pairs = write(tmp_path / "p.jsonl", [{"a": "x", "b": "y", "label": "different"}])
    facts = write(tmp_path / "f.jsonl", [{"claim": "c", "passage": "p", "label": "supports"}])
    (as_claim,) = read_set("claims", pairs).items
    assert (as_claim.claim, as_claim.passages, as_claim.positive) == ("y", ("x",), True)
    (as_pair,) = read_set("pairs", pairs).items
    assert (as_pair.a, as_pair.b, as_pair.positive, as_pair.premise) == ("x", "y", False, False)
    assert not read_set("claims", facts).items[0].positive
    (as_pair,) = read_set("pairs", facts).items
    assert (as_pair.a, as_pair.b, as_pair.positive, as_pair.premise) == ("p", "c", True, True)


def test_pairs_are_built_from_answers_to_one_question(tmp_path):
    found = read_set("pairs", write(tmp_path / "e.jsonl", ANSWERS)).items
    texts = {(item.a, item.b): item.label for item in found}
    assert texts == {
        ("In Lund.", "Lund"): "same",
        ("In Lund.", "Turin"): "different",
        ("In Lund.", "At sea"): "different",
        ("Lund", "Turin"): "different",
        ("Lund", "At sea"): "different",
    }  # the two wrong ones are in no pair
    assert {item.question for item in found} == {"Where is the mill?"}


def test_bom_blank_lines_and_carriage_returns_are_no_error(tmp_path):
    path = tmp_path / "bom.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(REFUSALS[0]).encode() + b"\r\n\r\n")
    assert len(read_set("refusal", path).items) == 1


REFUSAL = {"prompt": "p", "response": "r", "label": "refuse"}
GROUNDED = {"question": "q", "passages": "p", "response": "abc", "label": "grounded"}
RIGHT = {"question": "q", "gold": ["g"], "answer": "a", "label": "correct"}
WRONG = [
    ("refusal", [REFUSAL, {**REFUSAL, "label": "maybe"}], r":2: unknown label 'maybe'.*comply, refuse, partial"),
    ("refusal", [{**REFUSAL, "label": "maybe"}], r":1: unknown label.*comply.*; or unable_or_uncertain"),
    ("refusal", [REFUSAL, {**REFUSAL, "label": "follows"}], r":2: unknown label 'follows'"),
    ("refusal", [{"prompt": "p", "label": "refuse"}], r":1: field 'response' is missing"),
    ("refusal", [{**REFUSAL, "response": 7}], r":1: field 'response' is int"),
    ("refusal", [{"prompt": "p", "response": "r"}], r":1: field 'label' is missing"),
    ("refusal", [["p"]], r":1: a list, not an object"),
    ("grounding", [{**GROUNDED, "passages": []}], r":1: field 'passages' holds no words"),
    ("equivalence", [{**RIGHT, "gold": ["", "..."]}], r":1: field 'gold' holds no words"),
    ("grounding", [{**GROUNDED, "spans": [{"start": 1, "end": 9}]}], r":1: span 1, \[1, 9\), lies outside"),
    ("grounding", [{**GROUNDED, "spans": [{"start": 1}]}], r":1: span 1 has no 'end'"),
    ("claims", [{"claim": "c", "label": "supported", "article_id": "1"}], r":1: .*no x_articles.jsonl beside"),
    ("claims", [{"claim": "c", "label": "right", "passage": "p"}], r":1: unknown label 'right'"),
    ("equivalence", [RIGHT, {**RIGHT, "gold": [3]}], r":2: an entry of 'gold' is int"),
    ("equivalence", [{**RIGHT, "label": "same"}], r":1: unknown label 'same'.*correct, wrong"),
    ("pairs", [{"a": "x", "label": "same"}], r":1: field 'b' is missing"),
    ("pairs", [{"a": "x", "b": " .", "label": "same"}], r":1: field 'b' holds no words"),
    ("pairs", [{"a": "x", "b": "y", "label": "same", "question": "q"}, {"a": "x", "b": "y", "label": "same"}], r":2: field 'question' is missing"),
    ("pairs", [{**RIGHT, "label": "wrong"}], r":1: no question has two answers"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "rows", "said"), WRONG)
def test_a_wrong_line_is_named_with_its_file(tmp_path, kind, rows, said):
    path = write(tmp_path / "x.jsonl", rows)
    with pytest.raises(LabelError, match=said) as caught:
        read_set(kind, path)
    assert str(caught.value).startswith(f"{path}:")
    assert caught.value.exit_code == 2


def test_an_article_that_is_not_there_is_named(tmp_path):
    write(tmp_path / "x_articles.jsonl", [{"article_id": "1", "text": "t"}])
    rows = [{"claim": "c", "label": "supported", "article_id": "2"}]
    with pytest.raises(LabelError, match=r"x.jsonl:1: no article '2' in x_articles.jsonl"):
        read_set("claims", write(tmp_path / "x.jsonl", rows))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b'{"prompt": "p"\n', r":1: not JSON"),
        ("\n".join([json.dumps(REFUSAL), '{"prompt": "Où"}']).encode("latin-1"), r":2: not UTF-8"),
        (json.dumps(REFUSAL).encode("utf-16"), r":1: not UTF-8"),
        (json.dumps({**REFUSAL, "response": "\ud83d"}).encode(), r":1: .*half of a surrogate"),
        (b"[" * 100_000, r":1: not JSON"),
    ],
)  # fmt: skip
def test_damaged_files_are_told(tmp_path, data, said):
    path = tmp_path / "x.jsonl"
    path.write_bytes(data)
    with pytest.raises(LabelError, match=said):
        read_set("refusal", path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_file_and_a_folder_are_told(tmp_path, kind):
    with pytest.raises(LabelError, match="cannot be read: no such file"):
        read_set(kind, tmp_path / "none.jsonl")
    with pytest.raises(LabelError, match="a folder, not a file"):
        read_set(kind, tmp_path)


OFFSETS = [  # as JSON spells them, and what the message says
    ("Infinity", "Infinity is no number"),
    ("-Infinity", "-Infinity is no number"),
    ("NaN", "NaN is no number"),
    ("1e999", "is not finite"),
    ("9" * 5000, "a number of 5,000 digits"),
    ("9" * 300, r"span 1, \[0, over 18 digits\), lies outside"),
    ("1e300", r"span 1, \[0, over 18 digits\), lies outside"),
    ("1.5", "'end' of span 1 is the number 1.5, a whole number"),
    ("true", "'end' of span 1 is true, a whole number"),
    ("null", "'end' of span 1 is null, a whole number"),
    ('"3"', "'end' of span 1 is a text, a whole number"),
    ("[3]", "'end' of span 1 is a list, a whole number"),
    ("-1", r"span 1, \[0, -1\), ends before it starts"),
    ("99", r"span 1, \[0, 99\), lies outside the response of 4 characters"),
]


@pytest.mark.parametrize(("end", "told"), OFFSETS)
def test_an_offset_that_is_none_is_told_with_file_and_line(tmp_path, end, told):
    path = tmp_path / "spans.jsonl"
    row = json.dumps(GROUNDED | {"response": "Two.", "spans": [{"start": 0, "end": "HERE"}]})
    path.write_text("\n" + row.replace('"HERE"', end) + "\n", encoding="utf-8")
    with pytest.raises(LabelError, match=rf"spans\.jsonl:2: .*{told}"):
        read_set("grounding", path)


@pytest.mark.parametrize("spans", ["null", "3", '"all"', '{"start": 0, "end": 1}', "[3]", "[null]"])
def test_spans_of_another_shape_are_told_with_file_and_line(tmp_path, spans):
    path = tmp_path / "spans.jsonl"
    row = json.dumps(GROUNDED | {"spans": "HERE"}).replace('"HERE"', spans)
    path.write_text(row + "\n", encoding="utf-8")
    with pytest.raises(LabelError, match=r"spans\.jsonl:1: .*(a list|an object)"):
        read_set("grounding", path)


def test_an_offset_written_as_a_float_is_a_whole_number(tmp_path):
    row = GROUNDED | {"response": "Two.", "spans": [{"start": 0.0, "end": 3.0}]}
    found = read_set("grounding", write(tmp_path / "spans.jsonl", [row]))
    assert found.items[0].spans == ((0, 3),)

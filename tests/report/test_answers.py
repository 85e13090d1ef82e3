import base64
import dataclasses
import gzip
import json

import pytest

from harness.report.answers import PLAIN_LIMIT_BYTES, answer_data, embed
from harness.report.clean import printable
from harness.runs.read import read_run


@pytest.fixture(scope="module")
def run(run_folder):
    return read_run(run_folder)


@pytest.fixture(scope="module")
def data(run):
    return answer_data(run)


def test_every_answer_but_the_repeats_is_there_once(run, data):
    rows = data["rows"]
    want = sorted(
        (one.question_id, one.variant, one.arm == "base", one.sample, str(one.verdict))
        for one in run.graded
        if one.arm != "floor"
    )
    found = sorted(
        (data["questions"][q][0], data["variants"][v], data["kinds"][k] == "base", s,
         data["verdicts"][d])
        for q, v, k, s, d in zip(*(rows[key] for key in "qvksd"), strict=True)
    )  # fmt: skip
    assert found == want
    assert {len(column) for column in rows.values()} == {len(want)}


def test_texts_are_said_once(data):
    assert len(data["texts"]) == len(set(data["texts"]))
    assert len(data["claims"]) == len(set(data["claims"]))


def test_a_hallucination_shows_the_fact_that_refutes_it(run, data):
    row = next(i for i, claims in enumerate(data["rows"]["l"]) if claims)
    text, status, reason, facts = data["claims"][data["rows"]["l"][row][0]]
    assert data["statuses"][status] == "contradicted"
    assert data["texts"][reason] == "the companion was another"
    question = run.questions[data["rows"]["q"][row]]
    assert data["texts"][facts[0]] == run.source.evidence(question.fact_ids[:1])[0]
    assert data["texts"][text]


def test_facts_are_sentences_of_the_world(run):
    assert run.source.evidence(["f3"]) == ("Person3 travelled with Person4.",)
    assert run.source.evidence(["no-such"]) == ("no-such",)


def test_embedded_data_cannot_end_its_element(hostile):
    encoding, text = embed({"texts": hostile})
    assert encoding == "json"
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"texts": list(hostile)}


def test_large_data_are_packed_the_same_way_each_time():
    data = {"texts": [f"{i} </script> " * 40 for i in range(PLAIN_LIMIT_BYTES // 300)]}
    encoding, text = embed(data)
    assert encoding == "gzip"
    assert embed(data) == (encoding, text)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
    assert json.loads(gzip.decompress(base64.b64decode(text))) == data


def test_an_answer_that_is_missing_is_empty(run):
    bare = dataclasses.replace(run)
    vars(bare)["answers"] = ()
    data = answer_data(bare)
    assert {data["texts"][place] for place in data["rows"]["a"]} == {""}


def test_every_text_was_made_printable(data):
    assert all(text == printable(text) for text in data["texts"])

"""A claim against a document as a whole, an entailment model, and vectors that keep still."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy
import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.core.errors import ModelError
from harness.encoder.embedding import Encoder, Entailment, default_encoder, model_folder
from harness.grading.evidence.document import DOCUMENT_FEATURES, rarities
from harness.grading.evidence.features import FEATURES, index, measure
from harness.grading.evidence.grader import Evidence, EvidenceGrader
from harness.grading.evidence.text import read

DOCUMENT = (
    "Ostrina Velk was born in Dunmere in 1612. Velk kept goats. Her brother was a smith. In 1640 "
    "Velk moved to Tarsk. There she painted signs for taverns. Velk never married. The council "
    "gave Velk a medal for the bridge.",
)


def features(claim: str, passages: tuple[str, ...] = DOCUMENT) -> dict[str, float]:
    encoder = default_encoder()
    sentence = read(claim)[0]
    document = index(passages, encoder)
    assert document is not None
    reading = measure(sentence, encoder.encode_words([sentence.words])[0], document)
    assert reading is not None
    return dict(zip(FEATURES, reading.values.tolist(), strict=True))


def test_the_subject_of_a_document_is_its_most_named_name_with_its_first_names():
    document = index(DOCUMENT, default_encoder())
    assert document is not None
    assert document.subject == {"velk", "ostrina"}
    mixed = index(("Harl met Wendel. Orlo slept. Tarsk burnt.",), default_encoder())
    assert mixed is not None and mixed.subject == frozenset()


def test_the_name_of_the_subject_is_no_evidence():
    found = features("Ostrina Velk composed operas.")
    assert found["contained"] > 0.3
    assert found["rare_contained"] == 0.0


def test_words_that_many_sentences_have_weigh_less():
    rarity = rarities({"everywhere": tuple(range(20)), "once": (3,)}, 20)
    assert rarity["everywhere"] < 0.05 < 0.7 < rarity["once"] < 1


def test_a_claim_may_rest_on_neighbouring_sentences_but_not_on_distant_ones():
    near = features("Velk moved to Tarsk in 1640 and painted signs.")
    far = features("Velk moved to the smith in 1640 for a medal.")
    assert near["rare_window"] == pytest.approx(1.0, abs=0.001)
    assert far["rare_contained"] > far["rare_window"]
    assert near["numbers_window"] == 0 and near["names_window"] == 0


def test_words_side_by_side_in_the_claim_stand_near_each_other_in_the_document():
    assert features("painted signs")["bigrams"] > features("painted goats")["bigrams"]


def test_first_letters_are_enough_for_prefixes_only():
    found = features("The Dunmerian bridges.")
    assert found["prefixes"] > found["rare_contained"]


def test_a_document_of_one_sentence_has_all_features():
    found = features("Harl slept.", ("Harl slept.",))
    assert [found[name] for name in DOCUMENT_FEATURES[:3]] == [1.0, 1.0, 1.0]


def test_vectors_do_not_depend_on_what_is_encoded_with_them():
    words = [read(text)[0].words for text in (DOCUMENT[0], "Velk kept goats.", "Harl slept well.")]
    encoder = Encoder()

    def fresh(own):
        encoder._words.clear()
        return encoder.encode_words(own)

    together, turned = fresh(words), fresh(words[::-1])[::-1]
    alone = [fresh([one])[0] for one in words]
    for a, b, c in zip(together, turned, alone, strict=True):
        assert numpy.array_equal(a.words, b.words) and numpy.array_equal(a.words, c.words)
        assert numpy.array_equal(a.sentence, c.sentence)


def cross_encoder(folder: Path, labels: tuple[str, ...]) -> str:
    """A tiny random BERT for sentence pairs with these labels; its folder."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    torch.manual_seed(3)
    tokenizer = BertTokenizerFast(vocab_file=str(model_folder() / "vocab.txt"))
    named = dict(enumerate(labels))
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, num_labels=len(labels), id2label=named,
        label2id={label: number for number, label in named.items()},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def nli(tmp_path_factory) -> str:
    return cross_encoder(
        tmp_path_factory.mktemp("nli") / "tiny", ("contradiction", "entailment", "neutral")
    )


def test_an_entailment_model_gives_chances_in_the_order_asked(nli):
    pairs = [("Velk kept goats.", "Velk had goats."), ("Harl slept.", "Velk had goats.")]
    model = Entailment(nli)
    found = model(pairs)
    assert all(0 < chance < 1 for chance in found) and found[0] != found[1]
    assert Entailment(nli)(pairs[::-1])[::-1] == pytest.approx(found, abs=1e-5)


def test_the_grader_asks_the_entailment_model_and_says_so(nli):
    class Sure(Entailment):
        def __init__(self, chance: float) -> None:
            self.name, self.chance, self.asked = "sure", chance, []

        def __call__(self, pairs):
            self.asked += pairs
            return [self.chance] * len(pairs)

    claim = "Velk painted signs in Tarsk."
    plain = EvidenceGrader().grade_claim(claim, DOCUMENT).score
    yes, no = Sure(0.99), Sure(0.01)
    assert EvidenceGrader(nli=yes).grade_claim(claim, DOCUMENT).score < plain
    assert EvidenceGrader(nli=no).grade_claim(claim, DOCUMENT).score > plain
    assert {hypothesis for _, hypothesis in yes.asked} == {claim}
    assert any("painted signs" in premise for premise, _ in yes.asked)
    both = EvidenceGrader(nli=Sure(0.99)).grade_many([Evidence(claim, DOCUMENT)] * 2)
    assert both[0] == both[1] == EvidenceGrader(nli=yes).grade(claim, DOCUMENT)
    assert EvidenceGrader(nli=yes).version == EvidenceGrader().version + "+nli:sure"


def test_a_model_without_entailment_and_a_folder_without_weights_are_errors(tmp_path, nli):
    with pytest.raises(ModelError, match="entailment"):
        Entailment(cross_encoder(tmp_path / "rank", ("bad", "good")))
    with pytest.raises(ModelError, match="no such folder"):
        Entailment(str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"--nli .*empty: no NLI cross-encoder"):
        Entailment(str(tmp_path / "empty"))


def test_weights_that_are_no_safetensors_are_not_read(tmp_path):
    import torch

    folder = Path(cross_encoder(tmp_path / "old", ("contradiction", "entailment", "neutral")))
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        Entailment(str(folder))


def labelled(path: Path, count: int = 80) -> Path:
    rng = random.Random(7)
    towns = ["Dunmere", "Tarsk", "Wick", "Orlo", "Senn", "Palt", "Grune", "Hask"]
    with path.open("w", encoding="utf-8") as lines:
        for number in range(count):
            home, other = rng.sample(towns, 2)
            wrong = number % 2 == 0
            row = {
                "question": f"Where did smith {number % 20} live?",
                "passages": [f"In {home} lived the smith {number % 20}. The mill burnt down."],
                "response": f"The smith {number % 20} lived in {other if wrong else home}.",
                "label": "hallucinated" if wrong else "grounded",
            }
            lines.write(json.dumps(row) + "\n")
    return path


def test_fit_on_a_file_of_labels_leaves_weights_and_a_card_of_held_out_questions(tmp_path, nli):
    answers = labelled(tmp_path / "mine.jsonl")
    said = CliRunner().invoke(
        app,
        ["validate", "--grounding", str(answers), "--fit", str(tmp_path / "fit"), "--worst", "0",
         "--cards", str(tmp_path / "cards"), "--nli", nli],
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    assert json.loads((tmp_path / "fit" / "mine.json").read_text())["card"]["auroc"] > 0.9
    card = json.loads((tmp_path / "cards" / "grounding_fitted_mine.json").read_text())
    assert card["clusters"] == 20 and card["based_on"].endswith("+nli:tiny")
    shipped = json.loads((tmp_path / "cards" / "grounding_mine.json").read_text())
    assert shipped["command"].endswith("--nli tiny")


def test_an_entailment_model_that_is_not_there_ends_validate_with_its_name(tmp_path):
    answers = labelled(tmp_path / "mine.jsonl", 4)
    said = CliRunner().invoke(
        app, ["validate", "--grounding", str(answers), "--nli", str(tmp_path / "nowhere")]
    )
    assert said.exit_code != 0
    assert "nowhere" in str(said.exception) + said.output

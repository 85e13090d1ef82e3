"""Logs of other harnesses, told by their fields, and one line each that makes a log of ours.

They are not read yet; each is refused by name with the command that converts it. The commands
need Python alone (Parquet: pandas), and the test runs every one of them.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
_LINES = "map(json.loads, open(sys.argv[1]))"


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of another program: its name, how it is told, and what turns it into ours.

    rows: a Python expression for its records in the file that is the first argument; fields:
    one for the fields of a record r. way: what to do where no line of Python would help.
    """

    name: str
    fits: Callable[[Row], bool]
    rows: str = _LINES
    fields: str = ""
    way: str = ""

    def command(self, path: str) -> str:
        """The shell line that writes `answers.jsonl`, to be read with `--log`."""
        body = f"[print(json.dumps({{{self.fields}}})) for r in {self.rows}]"
        return f'python3 -c "import json, sys; {body}" {shlex.quote(path)} > answers.jsonl'

    def refusal(self, path: str) -> str:
        """What the user is told: what the file is, and the way on."""
        if self.way:
            return f"this is {self.name}, {self.way}"
        return (
            f"this is {self.name}, which is not read; convert it and hand over answers.jsonl: "
            f"{self.command(path)}"
        )


def _has(*keys: str) -> Callable[[Row], bool]:
    return lambda row: all(key in row for key in keys)


def _inspect_log(row: Row) -> bool:
    samples = row.get("samples")
    return isinstance(samples, list) and ("eval" in row or _is_list_of(samples, "input"))


def _is_list_of(rows: Any, key: str) -> bool:
    return isinstance(rows, list) and bool(rows) and isinstance(rows[0], dict) and key in rows[0]


def _first(row: Row, key: str) -> Row:
    """The first of a list of objects under a key; an empty one where there is none."""
    return row[key][0] if _is_list_of_rows(row.get(key)) else {}


def _is_list_of_rows(rows: Any) -> bool:
    return isinstance(rows, list) and bool(rows) and isinstance(rows[0], dict)


def _opencompass(row: Row) -> bool:
    first = next(iter(row.values()), None)
    return isinstance(first, dict) and {"origin_prompt", "prediction"} <= first.keys()


def _promptfoo(row: Row) -> bool:
    results = row.get("results")
    return isinstance(results, dict) and _is_list_of(results.get("results"), "response")


# The last turn where a field may hold a chat.
_LAST = "(lambda x: x if isinstance(x, str) else x[-1].get('content', x[-1].get('prompt')))"
_CHAT = "[m['content'] for m in r['messages'] if m['role'] == '{role}'][-1]"
# One document a file first, then one record a line; the first that fits names the file.
FORMATS = (
    Format(
        name="an inspect_ai log",
        fits=_inspect_log,
        rows="json.load(open(sys.argv[1]))['samples']",
        fields="'id': str(r['id']), 'question': r['input'] if isinstance(r['input'], str) else "
        "r['input'][-1]['content'], 'answer': r['output'].get('completion') or "
        "r['output']['choices'][0]['message']['content'], 'gold': r['target']",
    ),
    Format(
        name="a promptfoo result",
        fits=_promptfoo,
        rows="json.load(open(sys.argv[1]))['results']['results']",
        fields="'question': r['vars'].get('question') or list(r['vars'].values())[0], "
        "'answer': r['response'].get('output')",
    ),
    Format(
        name="a deepeval test run",
        fits=lambda row: _is_list_of(row.get("testCases"), "actualOutput"),
        rows="json.load(open(sys.argv[1]))['testCases']",
        fields="'question': r['input'], 'answer': r['actualOutput'], "
        "'gold': r.get('expectedOutput')",
    ),
    Format(
        name="a HELM scenario state",
        fits=lambda row: _is_list_of(row.get("request_states"), "instance"),
        rows="json.load(open(sys.argv[1]))['request_states']",
        fields="'question': r['instance']['input']['text'], "
        "'answer': r['result']['completions'][0]['text'], "
        "'gold': [g['output']['text'] for g in r['instance']['references'] if 'correct' in "
        "g['tags']]",
    ),
    Format(
        name="an lm-evaluation-harness samples file",
        fits=lambda row: "doc" in row and ("resps" in row or "filtered_resps" in row),
        fields="'id': r['doc_id'], 'question': r['doc'].get('question') or "
        "r['arguments']['gen_args_0']['arg_0'], 'answer': r['filtered_resps'][0], "
        "'gold': r['target']",
    ),
    Format(
        name="an lm-evaluation-harness results file",
        fits=lambda row: (
            isinstance(row.get("results"), dict)
            and bool({"versions", "n-shot", "configs"} & row.keys())
        ),
        way="which holds figures and no answers: run lm_eval with --log_samples and hand over the "
        "samples_*.jsonl that it writes",
    ),
    Format(
        name="details of lighteval",
        fits=lambda row: isinstance(row.get("doc"), dict) and "model_response" in row,
        fields="'question': r['doc']['query'], 'answer': r['model_response']['text'][0], "
        "'gold': [r['doc']['choices'][i] for i in [r['doc']['gold_index']] if i in "
        "range(len(r['doc']['choices']))] if isinstance(r['doc'].get('gold_index'), int) else None",
    ),
    Format(
        name="an OpenCompass predictions file",
        fits=_opencompass,
        rows="json.load(open(sys.argv[1])).values()",
        fields=f"'question': {_LAST}(r['origin_prompt']), 'answer': r['prediction'], "
        "'gold': r.get('gold')",
    ),
    Format(
        name="a log of OpenAI's evals",
        fits=lambda row: (
            {"run_id", "event_id"} <= row.keys()
            or (isinstance(row.get("spec"), dict) and "completion_fns" in row["spec"])
        ),
        rows=f"[x for x in {_LINES} if x.get('type') == 'sampling']",
        fields=f"'question': {_LAST}(r['data']['prompt']), 'answer': r['data']['sampled'][0] "
        "if isinstance(r['data']['sampled'], list) else r['data']['sampled']",
    ),
    Format(
        name="a file of MT-bench answers",
        fits=lambda row: "turns" in _first(row, "choices"),
        fields="'question': str(r['question_id']), 'answer': r['choices'][0]['turns'][0], "
        "'model': r.get('model_id')",
    ),
    Format(
        name="a file of OpenAI chat completions",
        fits=lambda row: "message" in _first(row, "choices"),
        fields="'question': str(r['id']), 'answer': r['choices'][0]['message']['content'], "
        "'model': r.get('model')",
    ),
    Format(
        name="an export of runs (LangSmith)",
        fits=lambda row: (
            isinstance(row.get("inputs"), dict) and isinstance(row.get("outputs"), dict)
        ),
        fields="'question': [*r['inputs'].values()][-1], 'answer': [*r['outputs'].values()][0]",
    ),
    Format(
        name="a LLaMA-Factory generated_predictions file",
        fits=_has("prompt", "predict"),
        fields="'question': r['prompt'], 'answer': r['predict'], 'gold': r.get('label')",
    ),
    Format(
        name="a file of OpenAI messages",
        fits=_has("messages"),
        fields=f"'question': {_CHAT.format(role='user')}, "
        f"'answer': {_CHAT.format(role='assistant')}",
    ),
    Format(
        name="a file of ShareGPT conversations",
        fits=_has("conversations"),
        fields="'question': r['conversations'][-2]['value'], "
        "'answer': r['conversations'][-1]['value']",
    ),
    Format(
        name="an OpenAI batch output file",
        fits=_has("custom_id", "response"),
        fields="'id': r['custom_id'], 'question': r['custom_id'], "
        "'answer': r['response']['body']['choices'][0]['message']['content']",
    ),
    Format(
        name="an export of inspect_ai samples",
        fits=_has("input", "target", "output"),
        fields="'question': str(r['input']), 'answer': r['output']['completion'], "
        "'gold': r['target']",
    ),
    Format(
        name="a file of promptfoo results",
        fits=_has("vars", "response"),
        fields="'question': r['vars'].get('question') or list(r['vars'].values())[0], "
        "'answer': r['response'].get('output')",
    ),
    Format(
        name="an instruction data set (alpaca)",
        fits=_has("instruction", "output"),
        fields="'question': (r['instruction'] + chr(10) + (r.get('input') or '')).strip(), "
        "'answer': r['output']",
    ),
)

# What other programs call the fields of a log, the likelier first.
_QUESTIONS = ("question", "query", "user_input", "prompt", "input", "instruction", "problem",
              "inputs", "user", "q")  # fmt: skip
_ANSWERS = (
    "answer", "response", "prediction", "output", "completion", "generated_text", "generation",
    "prediction_text", "predicted_answer", "model_answer", "model_output", "model_response",
    "llm_answer", "actual_output", "generated", "pred", "reply", "outputs", "result", "text", "a",
)  # fmt: skip
_GOLDS = ("gold", "reference", "target", "label", "expected_output", "expected", "ground_truth",
          "correct_answer", "reference_answer", "answer_gold")  # fmt: skip

# What is no JSON, by its ending or its first bytes, and what makes a log of it.
_BY_ENDING = {
    ".csv": (
        "a CSV file",
        'python3 -c "import csv, json, sys; [print(json.dumps(r)) for r in '
        "csv.DictReader(open(sys.argv[1], newline=''))]\" {path} > answers.jsonl",
    ),
    ".tsv": (
        "a TSV file",
        'python3 -c "import csv, json, sys; [print(json.dumps(r)) for r in '
        "csv.DictReader(open(sys.argv[1], newline=''), delimiter=chr(9))]\" {path} > answers.jsonl",
    ),
    ".parquet": (
        "a Parquet file",
        'python3 -c "import pandas, sys; pandas.read_parquet(sys.argv[1]).to_json('
        "'answers.jsonl', orient='records', lines=True)\" {path}",
    ),
    ".eval": (
        "an inspect_ai log (.eval)",
        "inspect log convert {path} --to json --output-dir logs; then hand over the .json file",
    ),
    ".xlsx": ("an Excel file", "save it as CSV, with the columns question and answer"),
    ".gz": ("a compressed file", "gunzip -k {path}"),
    ".zip": ("an archive", "unzip {path}"),
    ".zst": ("a compressed file", "unzstd {path}"),
    ".arrow": (
        "an Arrow file",
        'python3 -c "import datasets, sys; datasets.Dataset.from_file(sys.argv[1]).to_json('
        "'answers.jsonl')\" {path}",
    ),
}
_BY_BYTES = ((b"PAR1", ".parquet"), (b"\x1f\x8b", ".gz"), (b"ARROW1", ".arrow"),
             (b"\x28\xb5\x2f\xfd", ".zst"), (b"PK\x03\x04", ".zip"))  # fmt: skip


def format_of(record: Row) -> Format | None:
    """The format of another program that a record, or a whole document, is of."""
    found = next((one for one in FORMATS if one.fits(record)), None)
    return found or _by_names(record)


def _by_names(record: Row) -> Format | None:
    """A format of no program in particular, whose fields go by other names than ours."""

    def named(names: tuple[str, ...], *, texts: bool = True) -> str | None:
        return next(
            (one for one in names if isinstance(record.get(one), str | list) or
             (not texts and record.get(one) is not None)), None
        )  # fmt: skip

    question, answer = named(_QUESTIONS), named(_ANSWERS)
    if question is None or answer is None:
        return None
    gold = named(_GOLDS, texts=False)
    fields = f"'question': {_LAST}(r['{question}']), 'answer': {_LAST}(r['{answer}'])"
    return Format(
        name=f"a file of '{question}' and '{answer}'",
        fits=_has(question, answer),
        fields=fields + (f", 'gold': r.get('{gold}')" if gold else ""),
    )


def not_json(path: str, ending: str, first: bytes) -> str | None:
    """What a file is that holds no JSON, with the way on; None where it may hold some.

    ending: of its name, with the dot, in small letters; first: its first bytes.
    """
    magic = next((end for mark, end in _BY_BYTES if first.startswith(mark)), None)
    if ending not in _BY_ENDING and magic is None:
        return None
    if ending == ".eval" and magic is None:
        return None  # older logs of this ending hold JSON
    name, way = _BY_ENDING.get(ending) or _BY_ENDING[str(magic)]
    return f"{name}, which is not read; convert it: {way.replace('{path}', shlex.quote(path))}"

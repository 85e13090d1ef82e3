#!/usr/bin/env bash
# datasets 5.2.0: which fields has a dataset made of answers of which only some carry an error?
#
# Met when the error messages and the reasoning of answers were gone from a table built from a list of dicts.
# Guess, before running: the union of all fields, None where a row lacks one, as `load_dataset("json")` makes of the
#   very same rows in a JSONL file; or an error that names the row that differs.
# Seen: `Dataset.from_list`, `Dataset.from_generator` and `map` take the names of the fields from the first row (of
#   `map`: from what it returns for the first row) and drop every other field without a word. What a run keeps so hangs
#   on whether its first answer failed: the same rows in another order keep the field. `features=` of all fields does
#   not help `from_list`: it raises, saying that the field is missing from an arrow file that nobody has written.
#
# Costs about two minutes and 700 MB in a temporary folder, which it removes. Exit 0: still so; 1: changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 pyarrow==26.0.1
cd "$work"
export HF_HOME="$work/hf" HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1
cat > look.py <<'PY'
import json
import sys
import warnings
from pathlib import Path

from datasets import Dataset, Features, Value, load_dataset

ROWS = [
    {"id": 1, "answer": "A weaver."},
    {"id": 2, "answer": "", "error": "the server closed the connection"},
    {"id": 3, "answer": "A baker."},
]


def rows():
    yield from ROWS


def judged(row):
    """A field for rows that failed, as one writes it at once."""
    return {"retry": True} if not row["answer"] else {}


Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
features = Features({"id": Value("int64"), "answer": Value("string"), "error": Value("string")})
failed_first = sorted(ROWS, key=lambda row: row["answer"] != "")
with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    seen = {
        "load_dataset('json')": load_dataset("json", data_files="rows.jsonl", split="train"),
        "from_list": Dataset.from_list(ROWS),
        "from_generator": Dataset.from_generator(rows),
        "map": Dataset.from_list(ROWS).map(judged),
        "from_list, failed row first": Dataset.from_list(failed_first),
    }
names = {way: made.column_names for way, made in seen.items()}
try:
    names["from_list, features given"] = Dataset.from_list(ROWS, features=features).column_names
except ValueError as error:
    names["from_list, features given"] = str(error).split(":")[0]
told = [str(one.message) for one in heard if "error" in str(one.message)]
for way, columns in names.items():
    print(f"{way:30} {columns}")
print("warnings about it:", told or "none")
whole, short = ["id", "answer", "error"], ["id", "answer"]
as_described = not told and names == {
    "load_dataset('json')": whole,
    "from_list": short,
    "from_generator": short,
    "map": short,
    "from_list, failed row first": whole,
    "from_list, features given": "Keys mismatch",
}
print("as described" if as_described else "changed")
sys.exit(not as_described)
PY
"$work/venv/bin/python" look.py

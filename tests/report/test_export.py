import json

import pandas as pd

from harness.report.export import export_answers
from harness.runs.read import read_run


def test_every_graded_answer_has_its_row_and_raw_text(run_folder, tmp_path):
    run = read_run(run_folder)
    path = tmp_path / "answers.parquet"
    assert export_answers(run, path) == len(run.graded)
    table = pd.read_parquet(path)
    said = {(one.request_id, one.sample): one for one in run.answers}
    for row in table.itertuples():
        answer = said[(row.request_id, row.sample)]
        assert row.answer == answer.text  # raw, not escaped
        assert row.n_tokens == len(answer.token_ids)
    made_up = table[table["verdict"] == "hallucinated"]
    assert all(json.loads(claims)[0]["status"] == "contradicted" for claims in made_up["claims"])
    assert set(table["arm"]) == {"adapter", "base", "floor"}

#!/usr/bin/env bash
# statsmodels 0.15.0: what does McNemar's test say of two models that got the very same questions right?
#
# Met when a comparison of a model with itself, by the asymptotic test, was the most significant of a table.
# Guess, before running: with no question on which the two differ there is nothing to test: p = 1, as the exact test
#   says, or nan, or an error.
# Seen: `mcnemar(table, exact=False)` gives statistic inf and p = 0.0, beside a RuntimeWarning of numpy: the
#   continuity correction, on by default, takes 1 from a difference of 0 and squares it, and 1 / 0 is inf. A rule such
#   as `p < 0.05` calls identical models different. With `correction=False` it is nan, with `exact=True` 1.
#
# Costs about a minute and 500 MB in a temporary folder, which it removes. Exit 0: still so; 1: changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check statsmodels==0.15.0 scipy==1.17.1
cd "$work"
cat > look.py <<'PY'
import math
import sys
import warnings

from statsmodels.stats.contingency_tables import mcnemar

# Both right, only the first right, only the second right, both wrong: 80, 0, 0, 20 of 100 questions.
SAME = [[80, 0], [0, 20]]
ONE_APART = [[80, 1], [0, 19]]


def p_of(table, **how):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        found = mcnemar(table, **how)
    told = ", ".join(sorted({one.category.__name__ for one in heard})) or "no warning"
    print(f"{table} {how}: statistic {found.statistic}, p {found.pvalue} ({told})")
    return float(found.pvalue)


seen = {
    "exact": p_of(SAME, exact=True),
    "asymptotic": p_of(SAME, exact=False),
    "uncorrected": p_of(SAME, exact=False, correction=False),
    "one question apart": p_of(ONE_APART, exact=False),
}
as_described = (
    seen["exact"] == 1.0
    and seen["asymptotic"] == 0.0
    and math.isnan(seen["uncorrected"])
    and seen["one question apart"] == 1.0
)
print("as described" if as_described else "changed")
sys.exit(not as_described)
PY
"$work/venv/bin/python" look.py

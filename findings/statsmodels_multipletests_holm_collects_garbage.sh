#!/usr/bin/env bash
# statsmodels 0.15.0: what does correcting five p-values by Holm cost?
#
# Met when a comparison of two models took 22 seconds of which the statistics took one: 56 corrections, each a few
#   numbers, beside a loaded torch.
# Guess, before running: a sort and a running maximum: microseconds, whatever else the process holds, as the other
#   methods of the same function take.
# Seen: `multipletests(p, method="holm")` runs a full collection of the garbage collector at every call, also where it
#   was switched off (`gc.disable()`), so its cost grows with every object of the process: .1 s alone, .7 s beside three
#   million lists. None of the other seven methods looked at does.
#
# Costs about a minute and 500 MB in a temporary folder, which it removes. Exit 0: still so; 1: changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check statsmodels==0.15.0 scipy==1.17.1
cd "$work"
cat > look.py <<'PY'
import gc
import sys
import time

from statsmodels.stats.multitest import multipletests

P = [0.001, 0.01, 0.02, 0.03, 0.2]
METHODS = ("bonferroni", "sidak", "holm", "holm-sidak", "simes-hochberg", "hommel", "fdr_bh", "fdr_by")
whole = []
gc.callbacks.append(lambda phase, info: whole.append(phase == "stop" and info["generation"] == 2))
gc.disable()
collects = {}
for method in METHODS:
    whole.clear()
    multipletests(P, method=method)
    collects[method] = sum(whole)
print("full collections in one call:", collects)
held = []
for millions in (0, 1, 3):
    held = [[n] for n in range(millions * 1_000_000)]
    start = time.perf_counter()
    multipletests(P, method="holm")
    print(f"holm beside {millions} million lists more: {time.perf_counter() - start:.4f} s")
as_described = collects["holm"] >= 1 and not collects["bonferroni"] and not collects["fdr_bh"]
print("as described" if as_described else "changed")
sys.exit(not as_described)
PY
"$work/venv/bin/python" look.py

"""bench/planted.py on its smallest size: it still runs. Its gates take minutes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_planted_rates_go_through_the_program():
    words = [sys.executable, "bench/planted.py", "--runs", "1", "--whole", "0", "--gates", "0"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "| a suite | 0.6 | 1 |" in done.stdout

"""An audit by a scripted backend in a process of its own, which kills itself where it is told.

    python scripted_audit.py OUT ADAPTER STAGE DONE

sends itself SIGKILL when STAGE has reported DONE or more; with STAGE "never" it ends and
prints the run folder. STAGE "asked" kills inside the backend, before an answer comes.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from harness.backends.scripted import ScriptedBackend
from harness.core.progress import Progress
from harness.core.records import Request
from harness.core.seeds import stream
from harness.pipeline.audit import Opened, Settings, audit

ANSWERS = ("Not able to answer.", "Elorna.", "I do not know. It was Visgar.", "", "Yes.")


def main(out: str, adapter: str, stage: str, done: str) -> None:
    asked = 0

    def script(request: Request, sample: int) -> str:
        nonlocal asked
        asked += 1
        if stage == "asked" and asked >= int(done):
            os.kill(os.getpid(), signal.SIGKILL)
        return stream(request.seed, request.prompt, request.arm, sample).choice(ANSWERS)

    def watch(progress: Progress) -> None:
        if progress.stage == stage and progress.done >= int(done):
            os.kill(os.getpid(), signal.SIGKILL)

    backend = ScriptedBackend(script)
    settings = Settings(
        model=adapter,
        limit=4,
        samples=2,
        out=Path(out),
        variants=("article", "none", "lower"),
        suites=("in_domain", "invented", "unstated"),
    )
    path = audit(
        settings,
        on_progress=watch,
        open_backend=lambda spec, folder, chats: Opened(backend=backend, context=4096),
    )
    print(path)
    print("torch" in sys.modules)


if __name__ == "__main__":
    main(*sys.argv[1:])

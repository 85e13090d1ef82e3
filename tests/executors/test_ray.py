"""Audits on Ray actors, on a real cluster of two nodes on this machine; one is killed."""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

# Before ray is imported: everything on 127.0.0.1, and nothing told to Ray's makers.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"

import harness.pipeline.audit
import harness.prompts.plan
from harness.backends.factory import Opened, open_local
from harness.backends.scripted import ScriptedBackend
from harness.core.errors import BackendError, ModelError, UsageError
from harness.core.records import Request
from harness.core.specs import ModelSpec
from harness.executors.ray_backend import open_on_ray
from harness.executors.ray_session import RayOptions
from harness.pipeline.audit import Settings, audit
from harness.pipeline.execute import execute
from harness.prompts.plan import Plan, make_plan
from harness.runs.layout import ANSWERS, VERDICTS
from harness.runs.store import RunFolder

ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")


def request(name: str) -> Request:
    return Request(
        id=name, arm="adapter", prompt=name, token_ids=(1,), cells=(("q", "v"),), samples=1,
        temperature=1.0, max_new_tokens=50, seed=0,
    )  # fmt: skip


PLAN = Plan(
    requests=tuple(request(name) for name in "abcdefgh"), shard_sizes=(2,) * 4, hash="0" * 12
)
SPEC = ModelSpec(name="scripted", base="scripted", quantisation="none", context=512)


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    node = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "include_dashboard": False}
    # Cluster writes its address into Ray's default folder, whatever folder the head has, and
    # does not make it: so the default folder is one of its own, and the user's is left alone.
    folder = tempfile.mkdtemp(prefix="bordor-ray-", dir="/tmp")  # paths of sockets are short
    before = os.environ.get("RAY_TMPDIR")
    os.environ["RAY_TMPDIR"] = folder
    default = Path(ray._common.utils.get_default_ray_temp_dir())
    default.mkdir()
    head = node | {"_system_config": {"health_check_period_ms": 1000}, "temp_dir": str(default)}
    made = Cluster(initialize_head=True, head_node_args=head)
    made.add_node(**node)
    yield made
    made.shutdown()
    if before is None:
        del os.environ["RAY_TMPDIR"]
    else:
        os.environ["RAY_TMPDIR"] = before
    shutil.rmtree(folder, ignore_errors=True)
    assert not [one for one in children() if "ray" in one]


def children() -> list[str]:
    import psutil

    found = []
    for one in psutil.Process().children(recursive=True):
        try:
            found.append(" ".join(one.cmdline()))
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.fixture
def opened(cluster):
    """Opens scripted backends on actors of the cluster, and ends them."""
    made: list[Opened] = []

    def start(open_backend, actors: int = 2) -> Opened:
        options = RayOptions(actors=actors, address=cluster.address)
        made.append(open_on_ray(SPEC, None, [], options, open_backend=open_backend))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def run(tmp_path):
    with RunFolder.create(tmp_path, model="m", plan_hash=PLAN.hash, files={}, run={}) as made:
        yield made


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> bytes:
    """What one process answers to the plan."""
    out = tmp_path_factory.mktemp("alone")
    with RunFolder.create(out, model="m", plan_hash=PLAN.hash, files={}, run={}) as made:
        execute(PLAN, ScriptedBackend(echo), made)
        return (made.path / ANSWERS).read_bytes()


def echo(asked: Request, sample: int) -> str:
    return f"{asked.id}{sample}"


def scripted(script=echo, **identity):
    def start(spec, adapter, chats):
        backend = ScriptedBackend(script)
        backend.identity |= {key: value() for key, value in identity.items()}
        return Opened(backend=backend, context=512)

    return start


def ahead(run: RunFolder) -> list[int]:
    return run.shards_ahead()


def test_shards_done_in_another_order_are_written_in_plan_order(opened, run, alone):
    def first_is_slow(asked: Request, sample: int) -> str:
        time.sleep(0.5 if asked.id == "a" else 0)
        return echo(asked, sample)

    kept: set[int] = set()
    execute(PLAN, opened(scripted(first_is_slow)).backend, run,
            on_progress=lambda _: kept.update(ahead(run)))  # fmt: skip
    assert kept >= {1, 2, 3}
    assert ahead(run) == []
    assert (run.path / ANSWERS).read_bytes() == alone


def test_an_actor_that_dies_is_replaced_and_its_shard_answered(opened, run, alone, tmp_path):
    mark = tmp_path / "died"

    def dying(asked: Request, sample: int) -> str:
        if asked.id == "d" and not mark.exists():
            mark.touch()
            os._exit(1)
        return echo(asked, sample)

    execute(PLAN, opened(scripted(dying), actors=1).backend, run)
    assert mark.exists()
    assert (run.path / ANSWERS).read_bytes() == alone


@pytest.mark.parametrize("way", ["raises", "dies"])
def test_a_shard_that_always_fails_is_one_error_and_all_done_are_kept(
    opened, run, alone, tmp_path, way
):
    tries = tmp_path / "tries"

    further = tmp_path / "further"

    def failing(asked: Request, sample: int) -> str:
        if asked.id == "g":
            further.touch()
        if asked.id == "c":
            until = time.monotonic() + 60
            while not further.exists() and time.monotonic() < until:  # the shard before g is done
                time.sleep(0.05)
            with tries.open("a") as file:
                file.write("x")
            if way == "dies":
                os._exit(1)
            raise RuntimeError("CUDA error: an illegal memory access")
        return echo(asked, sample)

    why = "RuntimeError: CUDA error" if way == "raises" else "its actor or node was lost"
    with pytest.raises(BackendError, match=f"shard 2 failed 3 times, the last time: {why}"):
        execute(PLAN, opened(scripted(failing)).backend, run)
    assert tries.read_text() == "xxx"
    first_shard = b"".join(alone.splitlines(keepends=True)[:4])
    assert (run.path / ANSWERS).read_bytes() == first_shard
    assert ahead(run)

    asked: list[str] = []

    def noting(request: Request, sample: int) -> str:
        asked.append(request.id)
        return echo(request, sample)

    kept = {name for at in ahead(run) for name in (one.id for one in PLAN.shards[at])}
    resumed = execute(PLAN, ScriptedBackend(noting), run)
    assert set(asked) == set("cdefgh") - kept
    assert resumed.resumed == 4 + 2 * len(kept)
    assert (run.path / ANSWERS).read_bytes() == alone
    assert ahead(run) == []


def test_actors_must_open_the_same_model(opened):
    with pytest.raises(ModelError, match=r"opened different models.* differ weights: every node"):
        opened(scripted(weights=os.getpid))


def test_only_the_name_of_the_processor_may_differ_and_the_report_says_so(opened):
    found = opened(scripted(machine=lambda: {"device_name": f"cpu {os.getpid()}"}))
    first, second = found.backend.identity["machine"]["device_name"].split(", ")
    assert first < second
    assert found.warnings[0].startswith(f"The actors ran on different processors ({first}, ")


def test_what_an_actor_cannot_open_is_told_as_it_is(opened):
    def broken(spec, adapter, chats):
        raise ModelError("no weights in it")

    with pytest.raises(ModelError, match=r"^no weights in it$"):
        opened(broken)


def test_actors_without_room_and_clusters_that_do_not_answer_are_refused(cluster):
    for options, error, words in (
        (RayOptions(actors=3, address=cluster.address), UsageError, "room for 2 actors of 1 CPUs"),
        (RayOptions(gpus=1, address=cluster.address), UsageError, "room for 0 actors of 1 CPUs and 1"),
        (RayOptions(address="127.0.0.1:1"), BackendError, "127.0.0.1:1: no Ray cluster answers"),
        (RayOptions(address="ray://head"), UsageError, "is not host:port"),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            open_on_ray(SPEC, None, [], options, open_backend=scripted())
        assert not ray.is_initialized()


@pytest.mark.parametrize("numbers", [{"actors": 0}, {"cpus": 0}, {"gpus": 1.5}, {"gpus": -1.0},
                                     {"gpus": float("inf")}, {"gpus": float("nan")}])  # fmt: skip
def test_numbers_no_actor_can_have_are_refused(numbers):
    with pytest.raises(UsageError, match="-"):
        RayOptions(**numbers)


LOCAL = """
import os
import psutil
from harness.executors.ray_session import RayOptions, RaySession
session = RaySession(RayOptions(actors=1))
import ray
dashboard = ray._private.worker.global_worker.node.webui_url
folder = session._folder
started = psutil.Process().children(recursive=True)
listening = {one.laddr.ip for child in [psutil.Process(), *started]
             for one in child.net_connections() if one.status == psutil.CONN_LISTEN}
dashboards = [line for line in (one.cmdline() for one in started)
              if any(word.endswith("dashboard.py") for word in line)]
seen = [line for line in dashboards if "--disable-frontend" not in line]
session.close()
_, alive = psutil.wait_procs(started, timeout=10)
print(len(started) > 3, {ip.removeprefix("::ffff:") for ip in listening}, alive, end=" ")
print(folder.startswith("/tmp/bordor-ray-"), os.path.exists(folder), end=" ")
print(dashboard or None, seen)
"""


def test_a_cluster_of_its_own_listens_on_this_machine_only_and_leaves_nothing():
    done = subprocess.run([sys.executable, "-c", LOCAL], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True {'127.0.0.1'} [] True False None []\n"


def bordor(*words: str, hide_ray: bool = False) -> subprocess.CompletedProcess:
    hide = "sys.modules['ray'] = None; " if hide_ray else ""
    script = f"import sys; {hide}from harness.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", script, "audit", *words], capture_output=True, text=True, timeout=60
    )


def test_without_ray_the_flag_says_what_to_install():
    done = bordor("--executor", "ray", hide_ray=True)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("pip install 'bordor[ray]', or in a clone: make setup-dev")


def test_flags_that_do_not_fit_together_are_refused():
    for words, told in (
        (("--actors", "2"), "--actors: only with --executor ray"),
        (("--executor", "slurm"), "--executor is 'slurm'; there are local and ray"),
        (("--executor", "ray", "--dry-run"), "leave --executor out"),
    ):
        done = bordor(*words)
        assert (done.returncode, told in done.stderr) == (2, True), done.stderr


def test_the_command_audits_on_actors_to_the_end(cluster, tiny_adapter, tmp_path):
    from typer.testing import CliRunner

    from harness.cli import app

    words = [
        "audit", tiny_adapter, "--limit", "1", "--samples", "1", "--suites", "invented", "--variants",
        "none", "--max-new-tokens", "4", "--quantisation", "none", "--out", tmp_path,
        "--executor", "ray", "--actors", "1", "--ray-address", cluster.address,
    ]  # fmt: skip
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0, done.output
    [report] = tmp_path.glob("*/*/report.md")
    about = RunFolder.open(report.parent).about()
    assert about["finished"] and about["executor"]["actors"] == 1
    assert str(report.with_name("report.html")) in done.stdout.replace("\n", "")


def test_a_node_killed_mid_run_changes_no_verdict(cluster, tiny_adapter, tmp_path, monkeypatch):
    """A real model, threads as here: one node dies with a shard under way."""
    small = functools.partial(make_plan, shard_requests=4)
    monkeypatch.setattr(harness.pipeline.audit, "make_plan", small)
    monkeypatch.setattr(harness.prompts.plan.cut, "__defaults__", (4,))  # by which plans are hashed
    settings = Settings(
        model=str(tiny_adapter), limit=4, samples=1, suites=("in_domain", "invented"),
        variants=("article", "none"), max_new_tokens=12, quantisation="none", out=tmp_path / "one",
    )  # fmt: skip
    alone = audit(settings)
    log, doomed = tmp_path / "asked", next(iter(cluster.worker_nodes))
    seen: list[int] = []

    def kill_once(progress) -> None:
        if progress.stage == "generate" and progress.done > 0 and not seen:
            seen.append(progress.done)
            cluster.remove_node(doomed, allow_graceful=False)

    on_two = dataclasses.replace(
        settings, out=tmp_path / "two", ray=RayOptions(actors=2, address=cluster.address)
    )
    spread = audit(on_two, on_progress=kill_once, open_backend=stuck_on(doomed.node_id, log))
    assert seen
    shards = log.read_text().split()
    assert len(shards) == len(set(shards)) + 1  # the shard that the node took with it
    for name in (ANSWERS, VERDICTS, "plan.jsonl"):
        assert (spread / name).read_bytes() == (alone / name).read_bytes(), name
    assert spread.name.split("-")[1] == alone.name.split("-")[1]  # the plan's hash


def stuck_on(node: str, log: Path):
    """The local engine, noting each shard it is asked; on `node` it never ends one."""

    class Noting:
        def __init__(self, backend) -> None:
            self.backend, self.identity, self.encode = backend, backend.identity, backend.encode

        def generate(self, requests):
            with log.open("a") as file:
                file.write(f"{requests[0].id}\n")
            if ray.get_runtime_context().get_node_id() == node:
                time.sleep(600)
            return self.backend.generate(requests)

    def start(spec, adapter, chats):
        opened = open_local(spec, adapter, chats)
        return dataclasses.replace(opened, backend=Noting(opened.backend))

    return start


@pytest.fixture(scope="module")
def tiny_adapter(tmp_path_factory) -> Path:
    import importlib.util

    where = Path(__file__).parents[1] / "models" / "conftest.py"
    spec = importlib.util.spec_from_file_location("tiny_models", where)
    tiny = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tiny)
    base = tiny.save_llama(tmp_path_factory.mktemp("bases") / "tiny-llama")
    return tiny.save_adapter(tmp_path_factory.mktemp("adapters") / "tiny", base)

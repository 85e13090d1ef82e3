"""The command `bordor`: parse, call, print, exit code.

Exit codes: 0 done; 1 something is missing or broken; 2 the command line or a file it
names is wrong; 130 interrupted. Every other exception is a bug and shows its traceback.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from harness import __version__
from harness.commands.baseline import baseline
from harness.commands.common import (
    Base,
    Concurrency,
    Model,
    Out,
    Run,
    Seeds,
    SuitePath,
    Timeout,
    find_run,
    noter,
    open_console,
    print_table,
    renamed,
    show_summary,
    split_names,
    told,
)
from harness.commands.compare import compare
from harness.commands.doctor import doctor
from harness.commands.executor import (
    Actors,
    CpusPerActor,
    Executor,
    GpusPerActor,
    RayAddress,
    ray_options,
)
from harness.commands.gate import gate
from harness.commands.grade import grade
from harness.commands.graders import graders
from harness.commands.review import review
from harness.commands.validate import validate
from harness.commands.verify import verify
from harness.core.errors import StoreError, UsageError
from harness.core.paths import DEFAULT_MODEL

if TYPE_CHECKING:
    from harness.pipeline.audit import Settings

app = typer.Typer(
    name="bordor",
    help="Audits what fine-tuned language models make up.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
build = typer.Typer(name="build", help="Build a story, a base or an adapter.", no_args_is_help=True)
app.add_typer(build)


@app.callback(invoke_without_command=True)
def bordor(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Audits what fine-tuned language models make up."""
    if version:
        typer.echo(f"bordor {__version__}")
        raise typer.Exit


@app.command()
@told
def audit(
    model: Model = DEFAULT_MODEL,
    story: Annotated[
        str | None,
        typer.Option(
            help="The story: visgar, generated/<seed>, or a folder.", show_default="visgar"
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="The recipe by which an adapter is trained where there is none.",
            show_default="instruct",
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=0, help="Drawn answers for each prompt, beside one greedy answer.", show_default="4"
        ),
    ] = None,
    seeds: Seeds = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Questions per suite.", show_default="each suite's own"),
    ] = None,
    out: Out = Path("reports"),
    suites: Annotated[
        str | None, typer.Option(help="Suites by name, with commas between.", show_default="all")
    ] = None,
    suite_path: SuitePath = None,
    variants: Annotated[
        str | None, typer.Option(help="Variants by name, with commas between.", show_default="all")
    ] = None,
    temperature: Annotated[
        float, typer.Option(help="Temperature of the drawn answers, above 0.")
    ] = 1.0,
    top_p: Annotated[
        float | None,
        typer.Option(
            help="Draw from the likeliest tokens that hold this probability.", show_default="1"
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(min=1, help="Draw from this many likeliest tokens.", show_default="all"),
    ] = None,
    max_new_tokens: Annotated[
        int, typer.Option(min=1, help="Length at which an answer is cut, in tokens.")
    ] = 64,
    quantisation: Annotated[
        str | None,
        typer.Option(
            help="How the base is quantised: nf4, fp4, int8 or none.",
            show_default="the model's, or its adapter's",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Random seed for questions, typing errors and samples.")
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan, its cost and its time; no audit.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start a new run even where one is unfinished.")
    ] = False,
    concurrency: Concurrency = None,
    timeout: Timeout = None,
    base: Base = None,
    as_is: Annotated[
        bool,
        typer.Option(
            "--as-is",
            help="MODEL is whole and already fine-tuned, or to be audited bare: train nothing.",
        ),
    ] = False,
    executor: Executor = "local",
    actors: Actors = None,
    cpus_per_actor: CpusPerActor = None,
    gpus_per_actor: GpusPerActor = None,
    ray_address: RayAddress = None,
) -> None:
    """Audit MODEL on a story whose every fact is known, and write the report.

    Builds what is missing. Stopped at any moment, the same command goes on where it was.
    """
    from harness.backends.factory import ServerOptions
    from harness.pipeline.audit import Settings

    if not temperature > 0 or temperature == float("inf"):
        raise UsageError(f"--temperature is {temperature}; sampling needs one above 0")
    if top_p is not None and not 0 < top_p <= 1:
        raise UsageError(f"--top-p is {top_p}; it must be above 0 and at most 1")
    found = renamed(samples, seeds)
    drawn = {} if found is None else {"samples": found}
    settings = Settings(
        model=model, story=story, recipe=recipe, limit=limit, out=out, **drawn,
        suites=split_names(suites), suite_paths=tuple(suite_path or ()),
        variants=split_names(variants), temperature=temperature,
        top_p=None if top_p == 1 else top_p, top_k=top_k, max_new_tokens=max_new_tokens,
        quantisation=quantisation, seed=seed, fresh=fresh, base=base, as_is=as_is,
        server=ServerOptions(concurrency=concurrency, timeout_s=timeout),
        ray=ray_options(
            executor, actors=actors, cpus=cpus_per_actor, gpus=gpus_per_actor,
            address=ray_address, dry_run=dry_run,
        ),
    )  # fmt: skip
    if dry_run:
        _dry_run(settings)
    else:
        _audit(settings)


@app.command()
@told
def report(run: Run, out: Out = Path("reports")) -> None:
    """Write the reports of a run again from its verdicts."""
    from harness.pipeline.grade import rereport

    path = find_run(run, out)
    rereport(path, on_note=noter(open_console(err=True)))
    show_summary(path)


@app.command()
@told
def view(run: Run, out: Out = Path("reports")) -> None:
    """Print the summary of a run."""
    show_summary(find_run(run, out))


@app.command()
@told
def ls(out: Out = Path("reports")) -> None:
    """List the runs, oldest first."""
    from harness.report.clean import printable
    from harness.runs.layout import ANSWERS, PAGE, TABLE, VERDICTS, list_runs
    from harness.runs.store import RunFolder
    from harness.runs.verify import check_seals

    rows, damaged = [], []
    for path in list_runs(out):
        try:
            about = RunFolder.open(path).about()
            check_seals(RunFolder(path), read=(ANSWERS, VERDICTS, PAGE, TABLE))  # may be very large
        except StoreError as error:
            damaged.append(str(error))
            rows.append([str(path), None, None, None, "damaged"])
            continue
        answers = about.get("plan", {}).get("answers")
        state = "finished" if about.get("finished") else "unfinished"
        rows.append([str(path), about.get("story"), about.get("recipe"), answers, state])
    if not rows:
        typer.echo(f"no runs in {out}; 'bordor audit' makes one")
        return
    print_table(("run", "story", "recipe", "answers", "state"), rows)
    for why in damaged:
        typer.echo(f"bordor: {printable(why)}", err=True)


@app.command()
@told
def suites(
    story: Annotated[str, typer.Option(help="The story to ask about.")] = "visgar",
    recipe: Annotated[
        str, typer.Option(help="The recipe, which decides what facts are trained.")
    ] = "instruct",
    suite_path: SuitePath = None,
) -> None:
    """List the suites with their questions about a story, and check every gold answer."""
    from harness.pipeline.check import check_suites

    rows, problems = check_suites(story=story, recipe=recipe, suite_paths=suite_path or ())
    print_table(("suite", "questions", "clusters", "what it measures"), rows)
    if problems:
        for problem in problems:
            typer.echo(f"bordor: {problem}", err=True)
        raise typer.Exit(1)
    typer.echo("every gold answer passes its own grader")


@app.command()
@told
def models() -> None:
    """List the models that have a name."""
    from harness.models.registry import list_models, resolve_model

    specs = [resolve_model(name) for name in list_models()]
    rows = [[spec.name, spec.base, spec.quantisation, spec.context] for spec in specs]
    print_table(("model", "base", "quantisation", "context"), rows)


@build.command("story")
@told
def build_story(
    story: Annotated[str, typer.Argument(help="Its name: generated/<seed>.")],
    people: Annotated[int, typer.Option(min=4, help="How many people live in it.")] = 40,
) -> None:
    """Generate a story from a seed and write it where built things go."""
    from harness.core.paths import home
    from harness.world.generator import generate_world
    from harness.world.story import generated_seed, write_story

    seed = generated_seed(story)
    if seed is None:
        raise UsageError(
            f"'{story[:80]}' cannot be generated: say generated/<whole number>, "
            "of at most 18 digits"
        )
    folder = home() / "stories" / f"generated-{seed}"
    write_story(generate_world(seed, people=people), folder)
    typer.echo(str(folder))


@build.command("base")
@told
def build_base(
    name: Annotated[str, typer.Argument(help="Its name: storylm-4m or storylm-1m.")],
) -> None:
    """Pretrain a base from scratch on generated worlds; goes on where it was stopped."""
    from harness.commands.progress import ProgressDisplay
    from harness.core.progress import Progress
    from harness.training.base import build_base as pretrain

    with ProgressDisplay(open_console(err=True)) as display:

        def show(done: int, total: int, note: str) -> None:
            display(Progress(stage="base", done=done, total=total, unit="steps", note=note))

        path = pretrain(name, on_progress=show)
    typer.echo(str(path))


@build.command("adapter")
@told
def build_adapter(
    model: Annotated[str, typer.Option(help="The model whose base it is trained on.")] = (
        DEFAULT_MODEL
    ),
    story: Annotated[str, typer.Option(help="The story it learns.")] = "visgar",
    recipe: Annotated[str, typer.Option(help="The recipe by which it is trained.")] = "instruct",
    seed: Annotated[
        int, typer.Option(help="Random seed for the split and the order of the training data.")
    ] = 0,
) -> None:
    """Train a QLoRA adapter; one that is built already is only named."""
    from harness.commands.progress import ProgressDisplay
    from harness.models.registry import resolve_model
    from harness.pipeline.audit import train_adapter

    with ProgressDisplay(open_console(err=True)) as display:
        path = train_adapter(
            resolve_model(model), story=story, recipe=recipe, seed=seed, on_progress=display
        )
    typer.echo(str(path))


app.command()(told(doctor))
app.command()(told(validate))
app.command()(told(grade))
app.command()(told(graders))
app.command()(told(review))
app.command()(told(verify))
app.command()(told(compare))
app.command()(told(gate))
app.add_typer(baseline)


def main() -> None:
    """Run the command line."""
    _tell_own_warnings()
    try:
        app(prog_name="bordor")
    finally:
        _end_output()


def _end_output() -> None:
    """Write out what stands in the buffer: a full disk behind it is told, a gone reader is not."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # The interpreter would try again at its end, and complain in its own words.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"bordor: the output cannot be written: {error.strerror}\n")
        raise SystemExit(1) from None


def _tell_own_warnings() -> None:
    """Show Bordor's warnings as sentences, and the libraries' only to who asks (python -W)."""
    if sys.warnoptions:
        return
    own = Path(__file__).parent

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if own in Path(filename).parents:
            from harness.core.redaction import without_keys
            from harness.report.clean import printable

            typer.echo(f"bordor: warning: {printable(without_keys(str(message)))}", err=True)

    warnings.showwarning = show


def _audit(settings: Settings) -> None:
    from harness.commands.progress import ProgressDisplay
    from harness.pipeline.audit import audit as run_audit

    console = open_console(err=True)
    with ProgressDisplay(console) as display:
        path = run_audit(settings, on_progress=display, on_note=noter(console))
    show_summary(path)


def _dry_run(settings: Settings) -> None:
    from harness.commands.progress import ProgressDisplay, clock
    from harness.pipeline.preview import preview

    console = open_console(err=True)
    with ProgressDisplay(console) as display:
        found = preview(settings, on_progress=display, on_note=noter(console))
    asked = ", ".join(f"{suite} {count}" for suite, count in found.questions.items())
    arms = {"adapter": "the model", "base": "its base alone", "floor": "noise floor"}
    answers = ", ".join(f"{arms.get(arm, arm)} {n:,}" for arm, n in found.answers.items())
    training = clock(found.adapter_s) if found.adapter_s else "not measured here yet"
    adapter = "there" if found.adapter_ready else f"built unless it is kept; training: {training}"
    if settings.as_is:
        adapter = "none: the model is audited as it is"
    rows = [
        ["model", found.model],
        ["story, recipe", f"{found.story}, {found.recipe}"],
        ["adapter", adapter],
        ["questions", f"{sum(found.questions.values()):,}: {asked}"],
        ["variants", f"{len(found.variants)}: {', '.join(found.variants)}"],
        ["prompts", f"{found.prompts:,} unique, at most {found.longest_prompt or '?'} tokens"],
        ["answers", f"{sum(found.answers.values()):,}: {answers}"],
        ["new tokens", f"at most {found.new_tokens:,}"],
        ["shards", f"{found.shards:,}"],
        ["time", f"{clock(found.generate_s)} to generate, at {found.answers_per_s:,.0f} answers/s"],
        ["", f"by {found.measured}"],
    ]
    rows += [["warning", sentence] for sentence in found.warnings]
    print_table(("dry run", ""), rows)

"""The command line: thin commands around the library; nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from gossipsim.errors import GossipsimError, Interrupted, Refused, ScenarioError, shown
from gossipsim.event_command import events
from gossipsim.picture_command import picture
from gossipsim.plot_command import plot
from gossipsim.report_command import report
from gossipsim.sweep_command import sweep

if TYPE_CHECKING:
    from gossipsim.document import Document
    from gossipsim.trace import Trace

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class _Commands(TyperGroup):
    """Turns what a command raises into one sentence and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx) or DONE
        except KeyboardInterrupt:
            return INTERRUPTED
        except (ScenarioError, Refused) as fault:
            return _complain(fault, BAD_INPUT)
        except GossipsimError as fault:
            return _complain(fault, FAILED)
        except MemoryError:
            return _complain("the machine has not enough free memory for this", FAILED)
        except BrokenPipeError:
            raise
        except OSError as fault:
            return _complain(f"{fault.filename or 'the system'}: {(fault.strerror or str(fault)).lower()}", FAILED)
        except Exception as fault:
            if hasattr(fault, "exit_code"):  # typer's own: a wrong option, or the end of --help
                raise
            if os.environ.get("GOSSIPSIM_DEBUG"):
                raise
            sentence = " ".join(f"{type(fault).__name__}: {fault}".split())
            return _complain(
                f"{sentence} (this is a bug; GOSSIPSIM_DEBUG=1 shows the traceback)", FAILED, kind="internal error"
            )


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A laboratory for asynchronous decentralized optimization.",
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 failed, 2 bad input, 130 interrupted.

    Examples
    --------
    >>> main(["show", "inits"])
    file           Vectors read from an npz file with arrays `(n, d)` named like the method's fields.
    local_optimum  Every node starts at the minimiser of its own function.
    normal         Every coordinate of every node is drawn from N(0, scale^2), independently.
    zeros          Every node starts at the origin.
    0
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        status = app(args=arguments or ["--help"], prog_name="gossipsim", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone; without this the interpreter would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as fault:
        message = getattr(fault, "format_message", None)
        if message is None:
            raise
        return _complain(" ".join(message().split()), BAD_INPUT)
    return int(status or DONE)


def _complain(fault: object, status: int, kind: str = "error") -> int:
    typer.echo(f"gossipsim: {kind}: {fault}", err=True)
    return status


def _version(wanted: bool) -> None:
    if wanted:
        from gossipsim import __version__

        typer.echo(f"gossipsim {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    scenario: Annotated[Path, typer.Argument(help="A scenario file (YAML).")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one key, such as method.name=gossip; can be repeated."),
    ] = None,
    seed: Annotated[str | None, typer.Option("--seed", metavar="N", help="Change the seed.")] = None,
    engine: Annotated[str, typer.Option("--engine", metavar="auto|compiled|processes", help="What runs it.")] = "auto",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the result goes [results/NAME-seedSEED].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> int:
    """Run a scenario, of one method or of several, print a summary and save the result with a picture."""
    from gossipsim.contenders import is_comparison
    from gossipsim.document import Document
    from gossipsim.folders import require_free
    from gossipsim.scenario import Scenario
    from gossipsim.trace import is_result

    document, overrides = Document.load(scenario), _overrides(changes or [], seed)
    if is_comparison(document, overrides):
        from gossipsim.comparison_command import run_comparison

        return run_comparison(document, overrides, engine=engine, out=out, as_json=as_json, quiet=quiet)
    loaded = Scenario.from_document(document, overrides)
    folder = out or Path("results", f"{loaded.name}-seed{loaded.seed}")
    require_free(folder, is_result)

    from gossipsim.progress import telling
    from gossipsim.simulation import simulate

    interrupted = False
    try:
        with telling(loaded.name, quiet=quiet) as progress:
            trace = simulate(loaded, engine=engine, progress=progress)
    except Interrupted as stop:
        trace, interrupted = stop.trace, True
    except (ScenarioError, Refused) as fault:
        raise _located(fault, document) from fault
    trace.save(folder, picture=True)
    _report(trace, folder, as_json)
    if interrupted:
        typer.echo(f"gossipsim: interrupted at t = {trace.columns['time'][-1]:.6g}; saved in {folder}", err=True)
        return INTERRUPTED
    if trace.status == "diverged":
        where = trace.meta["diverged"]
        message = f"the state of node {where['node']} stopped being finite at time {where['time']:.6g}"
        return _complain(f"diverged: {message}; what was computed is in {folder}", FAILED)
    return DONE


def _overrides(changes: list[str], seed: str | None) -> dict[str, Any]:
    """Return dotted keys and values of `--set` and `--seed`."""
    from gossipsim.document import value_of

    found: dict[str, Any] = {}
    for change in changes:
        key, sign, text = change.partition("=")
        if not sign or not key.strip():
            raise ScenarioError(f"given {shown(change)}", file="--set", allowed="KEY=VALUE, such as method.name=gossip")
        try:
            found[key.strip()] = value_of(text)
        except ScenarioError as fault:
            raise ScenarioError(
                f"given {shown(change)}: {fault.message}", file="--set", allowed=fault.allowed
            ) from None
    if seed is not None:
        if not (seed.isascii() and seed.isdigit() and len(seed) < 20 and int(seed) < 2**63):
            raise ScenarioError(f"given {shown(seed)}", file="--seed", allowed="a whole number, 0 to 2^63 - 1")
        found["seed"] = int(seed)
    return found


def _located(fault: ScenarioError | Refused, document: Document) -> ScenarioError:
    """Return the fault with the place in the scenario file that it speaks of."""
    if isinstance(fault, Refused):
        return ScenarioError(str(fault), file=document.file)
    return document.locate(fault) if fault.key[:1] != ("engine",) else fault


def _report(trace: Trace, folder: Path, as_json: bool) -> None:
    from gossipsim.summary import as_table, as_text, facts

    found = facts(trace, folder)
    if as_json:
        import json

        typer.echo(json.dumps(found, allow_nan=False))
    elif sys.stdout.isatty():
        from rich.console import Console

        Console().print(as_table(found))
    else:
        typer.echo(as_text(found))


app.command()(events)
app.command()(plot)
app.command()(report)
app.command()(sweep)
app.command()(picture)


@app.command()
def rates(
    source: Annotated[
        Path, typer.Argument(metavar="GRAPH_OR_SCENARIO", help="A graph file, or a scenario (.yaml) for its topology.")
    ],
    criterion: Annotated[
        str | None,
        typer.Option(metavar="dadao|fastest_mixing|total_resistance|averaging_time", help="What is best [dadao]."),
    ] = None,
    total: Annotated[
        float | None, typer.Option(help="Exchanges (or cost) per unit time [1; with limits what DADAO asks for].")
    ] = None,
    node_cap: Annotated[float | None, typer.Option(help="Most exchanges per unit time at every node.")] = None,
    edge_cap: Annotated[float | None, typer.Option(help="Most exchanges per unit time on every edge.")] = None,
    cost: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Cost of an exchange on every edge, header i,j,cost.")
    ] = None,
    minimum: Annotated[float | None, typer.Option(help="Fewest exchanges per unit time on every edge.")] = None,
    tol: Annotated[float | None, typer.Option(help="Relative gap to be proved [1e-6].")] = None,
    method: Annotated[
        str | None, typer.Option(metavar="auto|interior_point|sdp|first_order", help="How they are found [auto].")
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Count only edges in use, and look for edges to leave out.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv|.json", help="Where the rates go, ready for a scenario.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png|.svg|.pdf", help="Where a picture goes.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> int:
    """Compute the best gossip rates of a graph, with a proof of how close to the best they are."""
    from gossipsim.rates_command import compute_rates

    options = {
        "criterion": criterion, "total": total, "node_cap": node_cap, "edge_cap": edge_cap, "cost": cost,
        "minimum": minimum, "tol": tol, "method": method, "prune": prune or None,
    }  # fmt: skip
    return compute_rates(source, options, out=out, picture=picture, as_json=as_json, quiet=quiet)


@app.command()
def show(
    family: Annotated[
        str,
        typer.Argument(
            metavar="methods|topologies|compressors|problems|partitions|rates|inits|metrics|laws|losses|delays|speeds",
            help="What to list.",
        ),
    ],
    name: Annotated[str | None, typer.Argument(help="One of them, or mine.py:Mine, to see all about it.")] = None,
) -> None:
    """List what a scenario can name, or all about one of them."""
    from gossipsim.manual import family_named, listing, page

    members = family_named(family)
    typer.echo(listing(members) if name is None else page(members.find(name)))


@app.command()
def check(scenarios: Annotated[list[Path], typer.Argument(metavar="SCENARIO...", help="Scenario files.")]) -> int:
    """Read scenarios and build their worlds, without running them."""
    from gossipsim.summary import outlook

    status = DONE
    for path in scenarios:
        try:
            typer.echo(f"{path}: {_built(path, outlook)}")
        except (ScenarioError, Refused) as fault:
            status = _complain(fault, BAD_INPUT)
    return status


def _built(path: Path, describe: Any) -> str:
    from gossipsim.contenders import is_comparison
    from gossipsim.document import Document
    from gossipsim.scenario import Scenario
    from gossipsim.world import World

    document = Document.load(path)
    try:
        if is_comparison(document, {}):
            from gossipsim.comparison_command import outlooks

            return outlooks(document)
        return str(describe(World.build(Scenario.from_document(document))))
    except (ScenarioError, Refused) as fault:
        raise _located(fault, document) from fault


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    import json

    from gossipsim.schema import scenario_schema

    typer.echo(json.dumps(scenario_schema(), indent=2))

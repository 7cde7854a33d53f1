"""Many runs of one scenario: settings of varied keys, many seeds, one object that holds what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gossipsim.component import plain
from gossipsim.course import Progress
from gossipsim.document import Document
from gossipsim.errors import Interrupted
from gossipsim.scenario import Scenario
from gossipsim.store import Outcome, Store, read_manifest, read_outcome, runs_of, table_of
from gossipsim.sweep_part import part
from gossipsim.sweep_plan import Plan, Run, plan
from gossipsim.sweep_progress import Teller
from gossipsim.sweep_runner import check, compute

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from matplotlib.figure import Figure
    from xarray import Dataset


@dataclass(frozen=True, eq=False)
class Sweep:
    """What came of the runs of a sweep.

    Attributes
    ----------
    given : dict
        The scenario as plain data with `sweep: {vary, mode, seeds}`.
    kinds : dict
        Varied key -> type of its values.
    runs : sequence of Run
        All that was asked for, setting by setting.
    outcomes : dict
        Run id -> `Outcome`; what is missing was not computed.

    Examples
    --------
    >>> found = sweep({
    ...     "topology": {"name": "cycle", "n": 8},
    ...     "problem": {"name": "quadratic", "dim": 2},
    ...     "method": "dadao",
    ...     "run": {"time": 20},
    ...     "record": {"points": 10},
    ... }, vary={"topology.n": [4, 8]}, seeds=3, backend="serial", engine="processes")
    >>> found
    <Sweep 'scenario': 2 settings of topology.n, 6 runs: 6 finished>
    >>> found.frame().shape, list(found.frame().columns[:4])
    ((66, 12), ['topology.n', 'seed', 'status', 'time'])
    """

    given: dict[str, Any]
    kinds: dict[str, str]
    runs: Sequence[Run]
    outcomes: Mapping[str, Outcome]

    @classmethod
    def load(cls, folder: str | Path) -> Sweep:
        """Read what `gs.sweep(..., out=folder)` wrote, finished or not.

        Raises
        ------
        ScenarioError
            Not a sweep, or a file in it that is damaged or was changed.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        runs = list(runs_of(manifest))
        there = [run for run in runs if (folder / "runs" / f"{run.id}.json").exists()]
        outcomes = {run.id: read_outcome(folder, run.id) for run in there}
        return cls(manifest["given"], manifest["kinds"], runs, outcomes)

    @property
    def name(self) -> str:
        """Name of the scenario."""
        return str(self.given.get("name", "scenario"))

    @property
    def keys(self) -> list[str]:
        """The varied keys."""
        return list(self.kinds)

    @property
    def metrics(self) -> list[str]:
        """Metrics that every run with records has."""
        rows = [outcome.metrics for outcome in self.outcomes.values() if outcome.columns]
        return [name for name in (rows[0] if rows else []) if all(name in row for row in rows)]

    @property
    def settings(self) -> list[dict[str, Any]]:
        """The values of the varied keys, setting by setting."""
        return list({run.setting: run.values for run in self.runs}.values())

    def groups(self) -> list[tuple[dict[str, Any], list[tuple[Run, Outcome]]]]:
        """Return the values of every setting with its runs that have records, in the order of the seeds."""
        found: dict[int, tuple[dict[str, Any], list[tuple[Run, Outcome]]]] = {}
        for run in self.runs:
            _, pairs = found.setdefault(run.setting, (run.values, []))
            if (outcome := self.outcomes.get(run.id)) is not None and outcome.columns:
                pairs.append((run, outcome))
        return list(found.values())

    def where(self, **values: Any) -> Sweep:
        """Return the part with these values; dots of keys are written as two underscores, `where(topology__n=16)`.

        A list or tuple keeps all settings with one of its values.

        Raises
        ------
        ScenarioError
            A key that is not varied, or a value that no setting has.
        """
        return part(self, values)

    def arrow(self) -> pa.Table:
        """Return all records as one Arrow table, as in `sweep.parquet`."""
        return table_of(self.kinds, [(run, self.outcomes[run.id]) for run in self.runs if run.id in self.outcomes])

    def frame(self) -> pd.DataFrame:
        """Return all records as one tidy table: varied keys, seed, status, and the columns of `Trace.frame`."""
        found: pd.DataFrame = self.arrow().to_pandas()
        return found

    def table(self) -> pd.DataFrame:
        """Return one row per run: varied keys, seed, status, why it failed, and the last record."""
        import pandas as pd

        rows = []
        for run in self.runs:
            outcome = self.outcomes.get(run.id, Outcome("missing", "not computed yet"))
            ended = {"status": outcome.status, "sentence": outcome.sentence}
            last = {name: column[-1].item() for name, column in outcome.columns.items()}
            rows.append({**run.values, "seed": run.seed, **ended, **last})
        return pd.DataFrame(rows)

    def summary(self, metric: str | None = None, *, at: float | None = None, level: float = 0.95) -> pd.DataFrame:
        """Return one row per setting and metric: mean, median and quantiles over the seeds of its last value, or at a time.

        `mean_low` to `mean_high` (BCa) and `median_low` to `median_high` (percentile) are bootstrap intervals that should
        hold the truth with probability `level`; `q10` to `q90` holds 80 % of the runs. A run that diverged counts as inf.
        """
        from gossipsim.sweep_summary import summary

        return summary(self, metric, at, level)

    def costs(self, goal: float | None = None, *, metric: str | None = None, level: float = 0.95) -> pd.DataFrame:
        """Return one row per setting and cost: the median of what the network spent until `metric` was at most `goal`.

        Costs are `time`, `gradients`, `messages`, `activations` (exchanges) and `bits` at the first record there. A run that
        ended before it got there still counts: it would have needed more than it spent (Kaplan-Meier); one that diverged
        would never have got there. `median` and `high` are inf where too few got there to tell. `said` has the count.

        Parameters
        ----------
        goal : float, optional
            Default: `run.error` of the scenario.
        """
        from gossipsim.sweep_summary import costs

        return costs(self, goal, metric, level)

    def compare(
        self,
        key: str | None = None,
        *,
        against: Any = None,
        metric: str | None = None,
        goal: float | None = None,
        cost: str | None = None,
        level: float = 0.95,
    ) -> pd.DataFrame:
        """Return one row per value of a key, all else equal: its paired difference to, and ratio with, one value of the key.

        Compared is the last value of `metric`; or, with a `goal` or a `cost`, the cost (default `time`) of reaching the
        goal. Seeds on which one of the two did not reach the goal, or diverged, count in `less` and `more` and are left out
        of the means; `left_out` says how many.

        Parameters
        ----------
        key : str, optional
            A varied key (default: the first).
        against : optional
            The value that the others are compared with (default: the first).
        """
        from gossipsim.sweep_summary import compare

        return compare(self, key, against, metric, goal, cost, level)

    def decays(self, metric: str | None = None, *, level: float = 0.95) -> pd.DataFrame:
        """Return one row per setting: the rate at which the mean over seeds decays per unit time, and what theory promises.

        The interval resamples the seeds; see `gossipsim.statistics.decay`. Default metric: the one the promise is about.
        """
        from gossipsim.sweep_summary import decays

        return decays(self, metric, level)

    def plot(
        self, *, x: str = "time", y: str | None = None, colour: str | None = None, spread: str = "quantiles"
    ) -> Figure:
        """Draw the median over seeds with a band around it; see `gossipsim.sweep_plot.draw_bands`."""
        from gossipsim.sweep_plot import draw_bands

        return draw_bands(self, x, y, colour, spread)

    def pareto(self, x: str = "time", y: str = "bits", goal: float | None = None, colour: str | None = None) -> Figure:
        """Draw two costs of a goal against each other, a point per setting; see `gossipsim.pareto_plot.pareto_of_sweep`."""
        from gossipsim.pareto_plot import pareto_of_sweep

        return pareto_of_sweep(self, x, y, goal, colour=colour)

    def heat_map(
        self, x: str | None = None, y: str | None = None, value: str | None = None, goal: float | None = None
    ) -> Figure:
        """Draw a median for all values of two keys; see `gossipsim.heat_map_plot.draw_heat_map`."""
        from gossipsim.heat_map_plot import draw_heat_map

        return draw_heat_map(self, x, y, value, goal)

    def plot_graph(self) -> Figure:
        """Draw the graphs with the rates that scenarios ask for; see `gossipsim.rates_plot.plot_rates_of_sweep`."""
        from gossipsim.rates_plot import plot_rates_of_sweep

        return plot_rates_of_sweep(self)

    def to_xarray(self) -> Dataset:
        """Return all records on the grid of the varied keys; see `gossipsim.sweep_xarray.to_xarray`."""
        from gossipsim.sweep_xarray import to_xarray

        return to_xarray(self)

    def __repr__(self) -> str:
        missing = Outcome("missing")
        counts = Counter(self.outcomes.get(run.id, missing).status for run in self.runs)
        said = ", ".join(f"{number} {status}" for status, number in counts.items())
        keys, many = f" of {', '.join(self.keys)}" if self.keys else "", len(self.settings)
        return f"<Sweep {self.name!r}: {many} setting{'s' * (many != 1)}{keys}, {len(self.runs)} runs: {said}>"


def sweep(
    scenario: Scenario | str | Path | Mapping[str, Any],
    vary: Mapping[str, Iterable[Any]] | None = None,
    mode: str | None = None,
    seeds: int | Iterable[int] | None = None,
    backend: str = "loky",
    jobs: int | None = None,
    address: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    engine: str = "auto",
    keep_final: bool = False,
) -> Sweep:
    """Run a scenario with all values of some keys and with many seeds, on all cores or on a cluster.

    Every setting is run with the same seeds, and so meets the same clocks, latencies and failures. The result is the same,
    byte for byte, for every backend and number of workers, whether it was interrupted and resumed or not.

    Parameters
    ----------
    scenario : Scenario, path or mapping
        What to run; a `methods` in place of `method` is one more varied key, `method`.
    vary : mapping
        Dotted key -> values, `{"method.name": ["dadao", "gossip"], "topology.n": [16, 32]}`.
    mode : {"product", "zip"}
        All combinations (default), or the first values together, the second together, and so on.
    seeds : int or iterable of int
        The seeds of every setting (default 20); a number k means 0, ..., k - 1.
    backend : {"loky", "serial", "dask"}
        Processes of this machine, which then wait a minute for another sweep; this process; or a Dask cluster.
    jobs : int, optional
        Workers (default: the cores at hand).
    address : str, optional
        Scheduler of the Dask cluster; without it, one of processes on this machine.
    out : path, optional
        Folder that keeps every run as soon as it is finished; see docs/sweeps.md.
    resume : bool
        Go on with a folder that holds this sweep already: what is finished is not run again.
    progress : callable, optional
        Called with the fraction done and a short text.
    engine : {"auto", "compiled", "processes"}
        As for `simulate`.
    keep_final : bool
        Whether to keep the final state of every node too, as `outcome.final`.

    Returns
    -------
    Sweep
        A run that is declined, diverges or fails is in it, with its sentence.

    Raises
    ------
    ScenarioError
        Bad input, or a folder that holds something else.
    Interrupted
        Ctrl-C; its `trace` is the sweep so far.
    """
    given = scenario.mapping() if isinstance(scenario, Scenario) else scenario
    document = Document.load(given) if isinstance(given, str | Path) else Document(plain(given))
    asked = plan(document, vary, mode, seeds)
    return run_plan(
        asked, backend=backend, jobs=jobs, address=address, out=out, resume=resume, progress=progress, engine=engine,
        keep_final=keep_final,
    )  # fmt: skip


def run_plan(
    asked: Plan,
    *,
    backend: str = "loky",
    jobs: int | None = None,
    address: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    engine: str = "auto",
    keep_final: bool = False,
    remark: Callable[[str], None] = lambda text: None,
) -> Sweep:
    """Run what a plan asks for; `remark` is told of damaged files that are run again. See `sweep`."""
    check(backend, jobs)
    store = None if out is None else Store.open(out, asked, resume=resume)
    outcomes: dict[str, Outcome] = {}
    if store is not None:
        outcomes, faults = store.finished(keep_final)
        for fault in faults:
            remark(f"{fault}; it is run again")
    waiting = [run for run in asked.runs if run.id not in outcomes]
    tell = Teller(len(asked.runs), len(outcomes), progress)
    try:
        for run, outcome in compute(waiting, backend, jobs=jobs, address=address, engine=engine, keep_final=keep_final):
            if store is not None:
                store.write(run, outcome)
            outcomes[run.id] = outcome
            tell(outcome)
        if store is not None:
            store.finish(outcomes)
    except KeyboardInterrupt:
        raise Interrupted(Sweep(asked.given, asked.kinds, asked.runs, outcomes)) from None
    finally:
        if store is not None:
            store.close()
    return Sweep(asked.given, asked.kinds, asked.runs, outcomes)

"""What a sweep says: averages with intervals, costs of a goal, paired comparisons, decay against promises, bands over seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.statistics import LEVEL, Interval, bootstrap, cost_to_reach, decay, mean, median, paired

if TYPE_CHECKING:
    import pandas as pd

    from gossipsim.store import Outcome
    from gossipsim.sweep_plan import Run
    from gossipsim.sweeps import Sweep

COSTS = ("time", "gradients", "messages", "activations", "bits")
QUANTILES = (0.1, 0.9)
SPREADS = ("quantiles", "interval")
_POINTS = 200
_CURVE_RESAMPLES = 500


def chosen(sweep: Sweep, metric: str | None) -> str:
    """Return a metric that every run recorded: `metric`, or `error`, or the first.

    Raises
    ------
    ScenarioError
        It was not recorded, or no run has records.
    """
    names = sweep.metrics
    if not names:
        raise ScenarioError(f"no run of {sweep.name} has a metric that all have", allowed="a sweep with records")
    if metric is not None and metric not in names:
        hint = nearest(metric, names)
        raise ScenarioError(f"{shown(metric)} was not recorded by every run", allowed=", ".join(names), hint=hint)
    return metric or ("error" if "error" in names else names[0])


def summary(sweep: Sweep, metric: str | None = None, at: float | None = None, level: float = LEVEL) -> pd.DataFrame:
    """Return one row per setting and metric: how its values over the seeds are spread.

    See `Sweep.summary`.
    """
    import pandas as pd

    names = sweep.metrics if metric is None else [chosen(sweep, metric)]
    rows = []
    for values, pairs in sweep.groups():
        for name in names:
            x = np.array([_value(outcome, name, at) for _, outcome in pairs])
            middle = bootstrap(x, mean, level=level)
            half = bootstrap(x, median, level=level, method="percentile")
            # between two infinite values there is nothing to interpolate
            finite = bool(np.isfinite(x).all())
            low, high = nan, nan
            if len(x):
                low, high = np.quantile(x, QUANTILES) if finite else np.quantile(x, QUANTILES, method="inverted_cdf")
            rows.append({
                **values, "metric": name, "runs": len(x), "mean": middle.value, "mean_low": middle.low,
                "mean_high": middle.high, "median": half.value, "median_low": half.low, "median_high": half.high,
                "q10": low, "q90": high, "least": x.min(initial=inf) if len(x) else nan,
                "greatest": x.max(initial=-inf) if len(x) else nan,
            })  # fmt: skip
    return pd.DataFrame(rows)


def _value(outcome: Outcome, metric: str, at: float | None) -> float:
    """Return a metric at the end of a run, or at its last record up to a time; inf where it diverged or is no number."""
    time, column = outcome.columns["time"], outcome.columns[metric]
    k = len(time) - 1 if at is None else int(np.searchsorted(time, at, side="right")) - 1
    if k < 0 or (outcome.status == "diverged" and k == len(time) - 1) or np.isnan(column[k]):
        return inf
    return float(column[k])


def costs(sweep: Sweep, goal: float | None = None, metric: str | None = None, level: float = LEVEL) -> pd.DataFrame:
    """Return one row per setting and cost: what it took to bring a metric to a goal. See `Sweep.costs`."""
    import pandas as pd

    metric, goal = chosen(sweep, metric), goal_of(sweep, goal)
    rows = []
    for values, pairs in sweep.groups():
        for cost in COSTS:
            spent = [_spent(outcome, metric, goal, cost) for _, outcome in pairs]
            found = cost_to_reach([amount for amount, _ in spent], [reached for _, reached in spent], level=level)
            said = f"reached by {found.reached} of {found.runs}" if found.runs else "no run"
            rows.append({
                **values, "cost": cost, "median": found.median if found.runs else nan, "low": found.low if found.runs else nan,
                "high": found.high if found.runs else nan, "reached": found.reached, "runs": found.runs, "said": said,
            })  # fmt: skip
    return pd.DataFrame(rows)


def goal_of(sweep: Sweep, goal: float | None) -> float:
    """Return the goal, or the error that ends the runs.

    Raises
    ------
    ScenarioError
        Neither is given.
    """
    asked = (sweep.given.get("run") or {}).get("error") if goal is None else goal
    if asked is None:
        raise ScenarioError("the scenario has no run.error", key=("goal",), allowed="a goal, such as 1e-6")
    return float(asked)


def _spent(outcome: Outcome, metric: str, goal: float, cost: str) -> tuple[float, bool]:
    """Return a cost at the first record at or below the goal and True; else the whole run's, inf if it diverged, and False."""
    there = np.flatnonzero(outcome.columns[metric] <= goal)
    column = outcome.columns[cost]
    if len(there):
        return float(column[there[0]]), True
    return (inf if outcome.status == "diverged" else float(column[-1])), False


def compare(
    sweep: Sweep,
    key: str | None = None,
    against: Any = None,
    metric: str | None = None,
    goal: float | None = None,
    cost: str | None = None,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Return one row per value of a key and setting of the others: its paired difference to one value. See `Sweep.compare`."""
    import pandas as pd

    key = _key(sweep, key)
    metric = chosen(sweep, metric)
    if cost is not None and cost not in COSTS:
        allowed, hint = ", ".join(COSTS), nearest(cost, COSTS)
        raise ScenarioError(f"given {shown(cost)}", key=("cost",), allowed=allowed, hint=hint)
    of_goal = goal is not None or cost is not None
    goal = goal_of(sweep, goal) if of_goal else None
    have = list(dict.fromkeys(values[key] for values in sweep.settings))
    against = have[0] if against is None else against
    if against not in have:
        raise ScenarioError(f"no run has {key} = {shown(against)}", key=("against",), allowed=", ".join(map(str, have)))
    found: dict[tuple[Any, ...], dict[Any, dict[int, float]]] = {}
    for values, pairs in sweep.groups():
        others = tuple(values[name] for name in sweep.keys if name != key)
        measured = {}
        for run, outcome in pairs:
            amount, reached = (
                (_value(outcome, metric, None), True) if goal is None else _spent(outcome, metric, goal, cost or "time")
            )
            measured[run.seed] = amount if reached else inf
        found.setdefault(others, {})[values[key]] = measured
    rows = []
    for others, by_value in found.items():
        for value, measured in by_value.items():
            if value != against and against in by_value:
                rows.append({
                    **dict(zip([name for name in sweep.keys if name != key], others, strict=True)),
                    key: value, "against": against, **_pair(by_value[against], measured, level),
                })  # fmt: skip
    return pd.DataFrame(rows)


def _pair(first: dict[int, float], second: dict[int, float], level: float) -> dict[str, Any]:
    """Compare on common seeds; a seed on which one of the two has no finite value counts in `less` and `more` only."""
    seeds = [seed for seed in first if seed in second]
    a, b = np.array([first[seed] for seed in seeds]), np.array([second[seed] for seed in seeds])
    both = np.isfinite(a) & np.isfinite(b)
    found = paired(a[both], b[both], level=level)
    return {
        "seeds": len(seeds), "difference": found.difference.value, "difference_low": found.difference.low,
        "difference_high": found.difference.high, "ratio": found.ratio.value, "ratio_low": found.ratio.low,
        "ratio_high": found.ratio.high, "less": int((b < a).sum()), "more": int((b > a).sum()),
        "left_out": int((~both).sum()),
    }  # fmt: skip


def _key(sweep: Sweep, key: str | None) -> str:
    if not sweep.keys:
        raise ScenarioError("no key is varied", key=("key",), allowed="a sweep with several settings")
    if key is not None and key not in sweep.keys:
        hint = nearest(key, sweep.keys)
        raise ScenarioError(f"{shown(key)} is not varied", key=("key",), allowed=", ".join(sweep.keys), hint=hint)
    return key or sweep.keys[0]


def decays(sweep: Sweep, metric: str | None = None, level: float = LEVEL) -> pd.DataFrame:
    """Return one row per setting: the fitted rate of decay, and the promised one. See `Sweep.decays`."""
    import pandas as pd

    rows = []
    for values, pairs in sweep.groups():
        promise = next((outcome.meta["promise"] for _, outcome in pairs if outcome.meta.get("promise")), None)
        name = metric or (promise["quantity"] if promise else chosen(sweep, None))
        sound = [(run, outcome) for run, outcome in pairs if outcome.status != "diverged" and name in outcome.columns]
        fitted = Interval(nan, nan, nan)
        if sound:
            time, curves = common(sound, "time", name)
            fitted = decay(time, curves, level=level)
        promised = promise["rate"] if promise and promise["quantity"] == name else nan
        rows.append({
            **values, "metric": name, "runs": len(sound), "rate": fitted.value, "low": fitted.low, "high": fitted.high,
            "promised": promised, "condition_met": bool(promise["met"]) if promise and np.isfinite(promised) else None,
            "said": _verdict(fitted, promised),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _verdict(fitted: Interval, promised: float) -> str:
    if not np.isfinite(promised):
        return "nothing is promised"
    if not np.isfinite(fitted.value):
        return "not measured"
    low, high = (fitted.low, fitted.high) if np.isfinite(fitted.low) else (fitted.value, fitted.value)
    if low >= promised:
        return "as fast as promised, or faster"
    return "slower than promised" if high < promised else "not told apart from what is promised"


def common(
    pairs: Sequence[tuple[Run, Outcome]], x: str, metric: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return places on an axis that all runs have reached `(places,)`, and a metric of every run there `(runs, places)`.

    The value at a place is that of the last record up to it. A run that ended because it reached its goal keeps its last
    value, and one that diverged has inf from then on; the others end the axis.
    """
    ends = [float(outcome.columns[x][-1]) for _, outcome in pairs if outcome.status not in {"reached", "diverged"}]
    end = min(ends, default=max((float(outcome.columns[x][-1]) for _, outcome in pairs), default=0.0))
    longest = max((outcome.columns[x] for _, outcome in pairs), key=len)
    if x == "time" and all(_begins(longest, outcome.columns[x]) for _, outcome in pairs):
        places = np.asarray(longest[longest <= end], dtype=float)
    else:
        places = np.linspace(0.0, end, _POINTS + 1)
    curves = []
    for _, outcome in pairs:
        here = np.searchsorted(outcome.columns[x], places, side="right") - 1
        curve = np.asarray(outcome.columns[metric], dtype=float)[here]
        if outcome.status == "diverged":
            curve = np.where(here == len(outcome.columns[x]) - 1, inf, curve)
        curves.append(np.where(np.isnan(curve), inf, curve))
    return places, np.array(curves)


def _begins(longest: NDArray[Any], times: NDArray[Any]) -> bool:
    """Return whether times are the first of the longest, but for a last record where a run stopped."""
    return bool((times[:-1] == longest[: len(times) - 1]).all())


@dataclass(frozen=True)
class Band:
    """A metric of one setting over its seeds: places on an axis, the median there, and the edges of a band, all `(places,)`."""

    values: dict[str, Any]
    runs: int
    x: NDArray[np.float64]
    middle: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def bands(sweep: Sweep, metric: str, x: str, spread: str = "quantiles", level: float = LEVEL) -> Iterator[Band]:
    """Yield the band of every setting that has records.

    Parameters
    ----------
    spread : {"quantiles", "interval"}
        The band holds 80 % of the runs, or the median with probability `level` (by resampling the seeds).
    """
    for values, pairs in sweep.groups():
        if not pairs:
            continue
        places, curves = common(pairs, x, metric)
        middle = _quantile(curves, 0.5)
        there = np.array([outcome.columns[x][-1] if outcome.status == "reached" else inf for _, outcome in pairs])
        # Once most runs have reached the goal and stopped, nothing more is known of the median.
        middle[(there[:, None] < places).mean(axis=0) > 0.5] = nan
        if spread == "quantiles":
            low, high = (_quantile(curves, q) for q in QUANTILES)
        else:
            rng = np.random.default_rng([0, len(curves)])
            drawn = rng.integers(len(curves), size=(_CURVE_RESAMPLES, len(curves)))
            medians = np.array([_quantile(curves[each], 0.5) for each in drawn])
            low, high = (_quantile(medians, q) for q in ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
        yield Band(values, len(pairs), places, middle, low, high)


def _quantile(curves: NDArray[np.float64], q: float) -> NDArray[np.float64]:
    """Return a quantile over the first axis, one of the values where linear interpolation would meet an infinite one."""
    with np.errstate(invalid="ignore"):
        found = np.quantile(curves, q, axis=0)
    return np.where(np.isnan(found), np.quantile(curves, q, axis=0, method="higher"), found)

"""Who was down when: a bar per absence, and the share of nodes that were present, measured against predicted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.arrays import Floats
from gossipsim.errors import ScenarioError
from gossipsim.pictures.history import built, horizon
from gossipsim.pictures.messages import Absences, absences, occupied
from gossipsim.plot import COLOURS, X_AXES
from gossipsim.scenario import Scenario
from gossipsim.world import World

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NODES = 400
_AWAY = "0.35"


def presence(scenario: Scenario | World | str | Path | Mapping[str, Any], until: float | None = None) -> Figure:
    """Draw who was away when, and below it the share of nodes present.

    The prediction is the product of the availability of `fleet.churn`, mean(up) / (mean(up) + mean(down)) or, when sessions come
    from a file, the share of the recording that a node is present, and the share of nodes that no entry of `fleet.failures`
    keeps away. Durations that are not exponential start afresh at time 0, so that their churn comes to this prediction only
    after some time.

    Parameters
    ----------
    scenario : Scenario, World, path or mapping
        What is drawn; at most 400 nodes, with churn or failures.
    until : float, optional
        End of the picture, in mean gradient times (default: `run.time`).

    Raises
    ------
    ScenarioError
        Nodes that never leave, too many nodes, or a time outside the run.

    Examples
    --------
    >>> figure = presence({
    ...     "topology": {"name": "cycle", "n": 20},
    ...     "problem": {"name": "quadratic", "dim": 2},
    ...     "method": "gossip",
    ...     "fleet": {"churn": {"up": {"name": "exponential", "mean": 8}, "down": {"name": "exponential", "mean": 2}}},
    ...     "run": {"time": 100},
    ... })
    >>> [ax.get_ylabel() for ax in figure.axes]
    ['node', 'share present']
    """
    from matplotlib.figure import Figure

    world = built(scenario)
    n, fleet = world.graph.n, world.scenario.fleet
    if fleet.steady:
        raise ScenarioError(
            "every node is always present", key=("fleet",), allowed="churn or failures, to draw absences"
        )
    if n > MOST_NODES:
        raise ScenarioError(
            f"{n:,} nodes", key=("topology", "n"), allowed=f"at most {MOST_NODES} nodes in this picture"
        )
    until = horizon(world, until)
    away = absences(world, until)
    figure = Figure(figsize=(8.0, float(np.clip(3.2 + 0.1 * n, 4.2, 9.0))), layout="constrained")
    bars, shares = figure.subplots(2, 1, sharex=True, height_ratios=[2.2 + 0.03 * n, 1.4])
    _bars(bars, away, n)
    _shares(shares, world, away, until)
    bars.set_title(f"{world.scenario.name}: absences, n = {n}", fontsize="medium")
    shares.set_xlim(0.0, until)
    return figure


def measured(away: Absences, n: int, until: float) -> Floats:
    """Return the share of the time before `until` that every node is present, `(n,)`.

    Examples
    --------
    >>> measured(Absences(np.array([1]), np.array([2.0]), np.array([4.0])), 2, 8.0).tolist()
    [1.0, 0.75]
    """
    return np.asarray(1.0 - occupied(away.begin, away.end, away.node, n, until))


def predicted(world: World, until: float) -> tuple[Floats, Floats]:
    """Return times `(k,)` from which on a share of nodes `(k,)` is expected to be present."""
    fleet, samples = world.scenario.fleet, np.diff(world.first_sample)
    spans = [
        (
            failure.time,
            np.inf if failure.until is None else failure.until,
            failure.who(world.graph, samples, world.seed),
        )
        for failure in fleet.failures
    ]
    times = np.unique([0.0, *(t for begin, end, _ in spans for t in (begin, end) if t < until)])
    availability = 1.0 if fleet.churn is None else fleet.churn.on(world.graph, world.seed).availability
    shares = np.empty(len(times))
    for k, t in enumerate(times.tolist()):
        down = np.zeros(world.graph.n, dtype=bool)
        for begin, end, nodes in spans:
            if begin <= t < end:
                down[nodes] = True
        shares[k] = float((availability * ~down).mean())
    return times, shares


def _bars(ax: Axes, away: Absences, n: int) -> None:
    from matplotlib.ticker import MaxNLocator

    height = 0.75 if n <= 100 else 1.0
    ax.barh(away.node, away.end - away.begin, left=away.begin, height=height, color=_AWAY, linewidth=0)
    ax.set_ylim(n - 0.4, -0.6)
    ax.set_ylabel("node")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[["top", "right"]].set_visible(False)


def _shares(ax: Axes, world: World, away: Absences, until: float) -> None:
    n = world.graph.n
    times = np.concatenate([[0.0], away.begin, away.end])
    steps = np.concatenate([[0.0], -np.ones(len(away.begin)), np.ones(len(away.end))])
    order = np.argsort(times, kind="stable")
    inside = times[order] < until
    level = 1.0 + np.cumsum(steps[order])[inside] / n
    shown, whole = np.append(times[order][inside], until), np.append(level, level[-1])
    # changes at one time are one step
    last = np.append(np.diff(shown) > 0.0, True)
    shares = measured(away, n, until)
    error = shares.std(ddof=1) / np.sqrt(n) if n > 1 else 0.0
    mean = f"measured, mean {shares.mean():.3f} ± {error:.3f}"
    ax.step(shown[last], whole[last], where="post", color=COLOURS[0], linewidth=1.0, label=mean)
    at, share = predicted(world, until)
    expected = float(np.sum(share * np.diff(np.append(at, until))) / until)
    ax.step(
        np.append(at, until), np.append(share, share[-1]), where="post", color=COLOURS[1], linestyle="--", linewidth=1.6,
        label=f"predicted, mean {expected:.3f}",
    )  # fmt: skip
    ax.set_ylim(-0.02, 1.02)
    ax.set_ylabel("share present")
    ax.set_xlabel(X_AXES["time"])
    ax.grid(True, color="0.9", linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize="small", loc="lower left", ncols=2)

"""The network at several times of a run: errors of the nodes, edges that carried a message, who is present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.arrays import Floats, Integers
from gossipsim.engines.choice import choose
from gossipsim.engines.events import Limits
from gossipsim.errors import ScenarioError, shown
from gossipsim.pictures.history import History, Walk, built, edges_of, hops, horizon, walk
from gossipsim.pictures.messages import Presences
from gossipsim.scenario import Scenario
from gossipsim.world import World

MOST_NODES = 500
_FLASHING = 0.15


@dataclass(frozen=True)
class Shot:
    """The network at one time.

    Attributes
    ----------
    t : float
        When.
    errors : Floats
        Squared distance of every node to the solution, `(n,)`.
    here : ndarray
        Who is present, `(n,)`.
    edges : ndarray
        Which edges are there, `(m,)`.
    flashes : ndarray
        Which edges carried a message in the last `flash` of time, `(m,)`.
    flash : float
        How long an edge is lit.
    token : int or None
        Where the token is, if there is one.
    """

    t: float
    errors: Floats
    here: NDArray[np.bool_]
    edges: NDArray[np.bool_]
    flashes: NDArray[np.bool_]
    flash: float
    token: int | None


def shots(world: World, times: Sequence[float], flash: float | None = None, engine: str = "auto") -> list[Shot]:
    """Run a world up to each of some times and look at every node.

    Parameters
    ----------
    world : World
        What is run.
    times : sequence of float
        When to look, rising, in mean gradient times.
    flash : float, optional
        How long an edge flashes after a message arrived. Default: as long as it takes for messages on 15 % of the edges.
    engine : {"auto", "compiled", "processes"}
        What runs it.

    Raises
    ------
    ScenarioError
        Times that do not rise or lie outside the run.
    Diverged
        A state stopped being finite.

    Examples
    --------
    >>> world = built({"topology": {"name": "cycle", "n": 6}, "problem": {"name": "quadratic", "dim": 2},
    ...                "method": "gossip", "run": {"time": 50}})
    >>> first, last = shots(world, [0.0, 50.0], engine="processes")
    >>> bool(first.errors.max() > 1e3 * last.errors.max())
    True
    """
    _rising(world, times)
    end = max(float(times[-1]), 1e-9)
    token = walk(world, end) if world.method.talks == "route" else None
    carried = _carried(world, end, token)
    pace = world.rates_of["activations"]
    if flash is None:
        flash = _FLASHING * world.graph.m / pace if pace > 0 else 0.0
        if world.method.talks in {"round", "route"}:
            flash = 1.0 / world.rates_of["events"] if world.rates_of["events"] > 0 else 0.0
    presences, runner, found = Presences(world, end), choose(engine, world), []
    for t in map(float, times):
        runner.advance(Limits(until=t))
        points = runner.measure(t, world.target)[0]
        errors = np.einsum("ij,ij->i", points - world.target, points - world.target)
        recent = (carried[0] > t - flash) & (carried[0] <= t)
        flashes = np.zeros(world.graph.m, dtype=bool)
        flashes[carried[1][recent]] = True
        edges = edges_of(world, int(world.changing.epochs.number(np.asarray(t))) if world.changing else 0)
        holder = None
        if token is not None:
            place = int(np.searchsorted(token.arrives, t, side="right")) - 1
            holder = int(token.node[max(place, 0)]) if len(token.node) else 0
        found.append(Shot(t, errors, presences.at(t).copy(), edges, flashes, flash, holder))
    return found


def _carried(world: World, until: float, token: Walk | None) -> tuple[Floats, Integers]:
    """Return when messages arrived, and on which edge."""
    if token is not None:
        return hops(world, token)
    history = History.read(world, until)
    if history.messages is not None:
        fine = ~history.messages.lost
        return history.messages.arrives[fine], history.messages.edge[fine]
    if world.method.talks == "round":
        used = [np.flatnonzero(edges_of(world, number)) for number in history.graphs.tolist()]
        counts = [len(edges) for edges in used]
        return np.repeat(history.rounds, counts), np.concatenate([np.empty(0, dtype=np.int64), *used])
    return history.exchanges


def _rising(world: World, times: Sequence[float]) -> None:
    numbers = [isinstance(t, int | float | np.number) and not isinstance(t, bool) for t in times]
    if not numbers or not all(numbers) or not all(0 <= t < inf for t in times) or (np.diff(times) <= 0).any():
        raise ScenarioError(f"given {shown(list(times))}", key=("times",), allowed="rising times >= 0")
    if times[-1] > 0:
        try:
            horizon(world, float(times[-1]))
        except ScenarioError as fault:
            fault.key = ("times", len(times) - 1)
            raise


def evenly(world: World, until: float | None, count: int) -> list[float]:
    """Return times from 0 to the end, or to `run.time`.

    Examples
    --------
    >>> world = built({"topology": {"name": "cycle", "n": 6}, "problem": {"name": "quadratic", "dim": 2},
    ...                "method": "gossip", "run": {"time": 50}})
    >>> evenly(world, None, 3)
    [0.0, 25.0, 50.0]
    """
    return [float(t) for t in np.linspace(0.0, horizon(world, until), count)]


def prepared(
    scenario: Scenario | World | str | Path | Mapping[str, Any],
    times: Sequence[float] | None,
    count: int,
    most: int,
) -> tuple[World, list[float]]:
    """Return the world and the times to look at."""
    world = built(scenario)
    if world.graph.n > MOST_NODES:
        text, allowed = f"{world.graph.n:,} nodes", f"at most {MOST_NODES} nodes in this picture"
        raise ScenarioError(text, key=("topology", "n"), allowed=allowed)
    times = evenly(world, None, count) if times is None else times
    if len(times) > most:
        raise ScenarioError(f"{len(times)} times", key=("times",), allowed=f"at most {most} frames")
    return world, list(times)

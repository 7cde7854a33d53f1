"""What happened in a run, as far as a picture shows it: read from the events of a world, without optimising anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipsim.arrays import Floats, Integers
from gossipsim.document import Document
from gossipsim.engines.events import GRADIENT, HOP, ROUND, Tape, kind_and_place
from gossipsim.engines.network import Network
from gossipsim.engines.sources import uniforms
from gossipsim.errors import ScenarioError, shown
from gossipsim.pictures.messages import Absences, Messages, Presences, absences, fate_of, messages
from gossipsim.scenario import Scenario
from gossipsim.stream import Purpose, draw_at, uniform
from gossipsim.world import World

MOST_EVENTS = 2_000_000
_ORDINARY = 3
_REAL: Floats = np.empty(0)
_WHOLE: Integers = np.empty(0, dtype=np.int64)


def built(scenario: Scenario | World | str | Path | Mapping[str, Any]) -> World:
    """Return the world of a scenario, a file or a mapping.

    Raises
    ------
    ScenarioError, Refused
        As `World.build`, with the place in the file.
    """
    if isinstance(scenario, World):
        return scenario
    if isinstance(scenario, str | Path):
        document = Document.load(scenario)
        try:
            return World.build(Scenario.from_document(document))
        except ScenarioError as fault:
            raise document.locate(fault) from None
    return World.build(scenario if isinstance(scenario, Scenario) else Scenario.parse(scenario))


def horizon(world: World, until: float | None, events: float = inf) -> float:
    """Return when a picture ends: `until`, or `run.time`, or when about so many events have happened.

    Raises
    ------
    ScenarioError
        Not a time of the run, or too many events before it.
    """
    limit = world.scenario.run.time or inf
    if world.recorded is not None:
        limit = min(limit, float(np.nextafter(world.recorded[0][-1], inf)))
    pace = sum(world.rates_of[name] for name in ("events", "gradients", "activations"))
    if until is None:
        until = min(limit, events / world.rates_of["events"]) if world.rates_of["events"] > 0 else limit
        if until == inf:
            raise ScenarioError("the scenario has no run.time", key=("until",), allowed="a time > 0")
    ends = "" if limit == inf else f", at most {limit:.6g}, where the run ends"
    number = isinstance(until, int | float | np.number) and not isinstance(until, bool)
    if not number or not isfinite(until) or not 0.0 < until <= limit:
        raise ScenarioError(f"given {shown(until)}", key=("until",), allowed=f"a time > 0{ends}")
    if pace * until > MOST_EVENTS:
        allowed = f"a time up to {MOST_EVENTS / pace:.3g} here"
        raise ScenarioError(f"{pace * until:.2g} things happen before {until:g}", key=("until",), allowed=allowed)
    return float(until)


@dataclass(frozen=True)
class History:
    """What happened before a time, in order.

    Attributes
    ----------
    gradients : (Floats, Integers)
        When, and at which node, `(k,)` each.
    exchanges : (Floats, Integers)
        When exchanges took effect, and on which edge; in a world without a network of its own, messages take no time.
    messages : Messages or None
        The way of every message, when they take time or may be lost.
    absences : Absences
        Who was away when.
    rounds : Floats
        Ends of synchronous rounds.
    graphs : Integers
        Which graph each round was on, when the graph changes.
    computing : (Integers, Floats, Floats)
        Who computed from when until when, in rounds.
    losses : (Floats, Integers, Integers)
        In rounds, messages that did not arrive: when, on which directed link, at which node.
    """

    world: World
    until: float
    gradients: tuple[Floats, Integers]
    exchanges: tuple[Floats, Integers]
    messages: Messages | None
    absences: Absences
    rounds: Floats
    graphs: Integers
    computing: tuple[Integers, Floats, Floats] = field(default_factory=lambda: (_WHOLE, _REAL, _REAL))
    losses: tuple[Floats, Integers, Integers] = field(default_factory=lambda: (_REAL, _WHOLE, _WHOLE))

    @classmethod
    def read(cls, world: World, until: float) -> History:
        """Read what happens before `until`.

        Examples
        --------
        >>> world = built({"topology": {"name": "cycle", "n": 4}, "problem": {"name": "quadratic", "dim": 1},
        ...                "method": "dadao", "run": {"time": 9}})
        >>> history = History.read(world, 5.0)
        >>> len(history.gradients[0]) > 0, bool((history.exchanges[0] < 5.0).all()), history.messages
        (True, True, None)
        """
        rows: list[tuple[float, int, int, int]] = []
        for row in Tape(world.events()):
            if row[0] >= until:
                break
            if row[2] >= 0 or kind_and_place(row[2])[0] <= _ORDINARY:
                rows.append(row)
        table = np.array(rows, dtype=float).reshape(-1, 4)
        t, (i, j, edge) = table[:, 0], table[:, 1:].astype(np.int64).T
        method, away = world.method, absences(world, until)
        gradients, exchange, rounds, graphs = j == GRADIENT, j >= 0, t[j == ROUND], edge[j == ROUND]
        found = (t[gradients], i[gradients])
        sent = messages(world, until) if world.networked and method.talks != "round" else None
        if method.computes == "exchange":
            found = (np.repeat(t[exchange], 2), world.graph.edges[edge[exchange]].ravel())
        if method.talks != "round":
            return cls(world, until, found, (t[exchange], edge[exchange]), sent, away, rounds, graphs)
        computing = _computing(world, rounds)
        if method.computes == "round":
            found = _at_rounds(world, rounds, until)
        return cls(world, until, found, (_REAL, _WHOLE), None, away, rounds, graphs, computing, _losses(world, until))


def edges_of(world: World, number: int) -> NDArray[np.bool_]:
    """Return which edges are there on graph `number`, `(m,)`; all of them when the graph does not change."""
    changing = world.changing
    return np.ones(world.graph.m, dtype=bool) if changing is None else np.asarray(changing.epochs.active[number])


def durations(world: World, count: int) -> Floats:
    """Return how long every node computes in each of the first rounds, `(count, n)`; a server does not compute."""
    events = world.events()
    source: Any = events.make() if isinstance(events, Network) else events
    workers = getattr(source, "workers", 0)
    found = np.zeros((count, world.graph.n))
    if workers and count and world.method.computes == "round":
        node = np.tile(np.arange(workers), count)
        number = np.repeat(np.arange(count), workers)
        calls = source.compute.of_calls(
            node + world.graph.n - workers, number, lambda: uniforms(world.seed, Purpose.CLOCK, node, number)
        )
        found[:, world.graph.n - workers :] = calls.reshape(count, workers)
    return found


def _computing(world: World, rounds: Floats) -> tuple[Integers, Floats, Floats]:
    """Return who computes from when until when; a round waits for nodes that are away, too."""
    lasts = durations(world, len(rounds))
    which, node = np.nonzero(lasts)
    begin = np.concatenate([[0.0], rounds])[which]
    return node, begin, begin + lasts[which, node]


def _at_rounds(world: World, rounds: Floats, until: float) -> tuple[Floats, Integers]:
    """Return the gradients that take effect at the ends of rounds."""
    presences = Presences(world, until)
    workers = np.arange(world.graph.n) >= int(world.method.server)
    pairs = [(t, i) for t in rounds.tolist() for i in np.flatnonzero(presences.at(t) & workers).tolist()]
    t, i = zip(*pairs, strict=True) if pairs else ((), ())
    return np.array(t, dtype=float), np.array(i, dtype=np.int64)


def _losses(world: World, until: float) -> tuple[Floats, Integers, Integers]:
    """Return the messages of rounds that do not arrive: lost on their link, or their receiver is away."""
    if not world.networked:
        return _REAL, _WHOLE, _WHOLE
    graph, presences = world.graph, Presences(world, until)
    chain, bad = list(world.scenario.wire.loss.chain), [False] * (2 * graph.m)
    owner = np.repeat(np.arange(graph.n), graph.degree).tolist()
    sender, links = graph.nbr.tolist(), np.arange(2 * graph.m)
    found: list[tuple[float, int, int]] = []
    for number, (t, _, j, graph_number) in enumerate(Tape(world.events())):
        if t >= until:
            break
        if j != ROUND:
            continue
        here, used = presences.at(t), edges_of(world, graph_number)[graph.edge_of_slot]
        for turn in range(world.turns):
            first, _, *others = draw_at(world.seed, Purpose.LOSS, 0, number * world.turns + turn)
            place: Any = (first, links.astype(np.uint64), *others)
            fates = np.stack([uniform(place, k) for k in range(2)], axis=1)
            for at in links.tolist():
                if here[sender[at]] and used[at]:
                    bad[at], lost = fate_of(chain, bad[at], fates[at])
                    if lost or not here[owner[at]]:
                        found.append((t, at, owner[at]))
    t_lost, link, node = zip(*found, strict=True) if found else ((), (), ())
    return np.array(t_lost, dtype=float), np.array(link, dtype=np.int64), np.array(node, dtype=np.int64)


class Walk(NamedTuple):
    """The way of a token, each column `(k,)`: when it is passed on, by which node, and when it had come there."""

    t: Floats
    node: Integers
    arrives: Floats


def walk(world: World, until: float) -> Walk:
    """Return the way of the token of a method with one token.

    Its way may depend on what nodes hold, so this runs the method.

    Examples
    --------
    >>> world = built({"topology": {"name": "cycle", "n": 4}, "problem": {"name": "quadratic", "dim": 1},
    ...                "method": "simple_walk", "run": {"time": 9}})
    >>> t, node, arrives = walk(world, 5.5)
    >>> t.tolist(), bool((np.abs(np.diff(node)) % 2 == 1).all())
    ([1.0, 2.0, 3.0, 4.0, 5.0], True)
    """
    from gossipsim.engines.events import Limits
    from gossipsim.engines.processes import Processes

    engine, nodes = Processes(world), list[int]()
    carry = engine.verbs.carry

    def noting(node: int) -> None:
        nodes.append(node)
        carry(node)

    engine.verbs.carry = noting  # type: ignore[method-assign]
    engine.advance(Limits(until=until))
    times = np.array([t for (t, _, j, _), _ in zip(Tape(world.events()), nodes, strict=False) if j == HOP])
    index = np.arange(len(times))
    travels = world.scenario.wire.latency.sample(uniforms(world.seed, Purpose.LATENCY, np.zeros_like(index), index))
    arrives = np.concatenate([[0.0], times[:-1] + travels[1:]])[: len(times)]
    return Walk(times, np.array(nodes, dtype=np.int64), arrives)


def hops(world: World, way: Walk) -> tuple[Floats, Integers]:
    """Return when a token came to another node, and over which edge, `(k,)` each."""
    numbers = {(i, j): e for e, (i, j) in enumerate(world.graph.edges.tolist())}
    pairs = np.sort(np.stack([way.node[:-1], way.node[1:]], axis=1), axis=1).tolist()
    found = [
        (t, numbers[i, j]) for t, (i, j) in zip(way.arrives[1:].tolist(), pairs, strict=False) if (i, j) in numbers
    ]
    t, edge = zip(*found, strict=True) if found else ((), ())
    return np.array(t, dtype=float), np.array(edge, dtype=np.int64)

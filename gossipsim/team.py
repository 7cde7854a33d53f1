"""A few runs side by side, portion by portion; what goes wrong with one does not touch the others."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from gossipsim.course import Course
from gossipsim.engines.together import Together
from gossipsim.rows import layout
from gossipsim.scenario import Scenario
from gossipsim.trace import Trace
from gossipsim.world import Shared, World

_BYTES, _PER_THREAD = 1 << 28, 16
"""Memory of the runs at work at the same time, and at most how many of them for every thread."""


@dataclass(eq=False)
class Member:
    """A run of a team: its course while it lasts, then its trace or what went wrong, and the seconds of its share."""

    course: Course | None = None
    result: Trace | Exception | None = None
    fraction: float = 0.0
    preparing: float = 0.0
    running: float = 0.0

    def note(self, fraction: float | None, text: str) -> None:
        """Note how far the run is."""
        self.fraction = fraction or 0.0

    def move_on(self, outcome: Any = None) -> None:
        """Take what came of a portion, if one was run, and make the trace after the last one."""
        course, began = self.course, time.perf_counter()
        assert course is not None
        try:
            if outcome is not None:
                course.take(outcome)
                self.running += time.perf_counter() - began
            if course.portion is None:
                self.end(course.trace(self.preparing, self.running))
        except Exception as fault:
            self.end(fault)

    def end(self, result: Trace | Exception) -> None:
        """Keep the result; the rows of nodes, which may be large, go."""
        self.course, self.result, self.fraction = None, result, 1.0


class Team:
    """Runs of one setting that begin and go on together, portion by portion.

    Parameters
    ----------
    engine : str
        As for `simulate`.
    pool : ThreadPoolExecutor
        What the portions run in.
    threads : int
        How many threads the pool has.
    interrupted : list of bool
        Whether the user interrupted; the runs end between portions then.
    shared : Shared, optional
        What the worlds have in common, if one of them was built before.

    Attributes
    ----------
    members : list of Member
        In the order in which they were added.
    room : int
        How many runs such as these may be at work at the same time, in all teams; known when a first one was added.
    """

    def __init__(
        self, engine: str, pool: ThreadPoolExecutor, threads: int, interrupted: list[bool], shared: Shared | None = None
    ) -> None:
        self.members: list[Member] = []
        self.shared, self.room = shared, _PER_THREAD * threads
        self._engine, self._pool, self._threads, self._interrupted = engine, pool, threads, interrupted
        self._live: list[Member] = []

    def add(self, scenario: Scenario) -> Member:
        """Prepare another run."""
        member, began = Member(), time.perf_counter()
        self.members.append(member)
        try:
            world = World.build(scenario, self.shared)
            _ = world.optimum
            self.shared, self.room = world.shared, _room(world, self._threads)
            member.course = Course(world, self._engine, member.note, self._interrupted)
        except Exception as fault:
            member.end(fault)
        member.preparing = time.perf_counter() - began
        if member.course is not None:
            member.move_on()
        return member

    @property
    def running(self) -> list[Future[Any]]:
        """What of the portions has not ended yet."""
        return self._work.running

    def start(self) -> bool:
        """Begin the next portion of every run that has one; return whether any has."""
        self._live = [member for member in self.members if member.course is not None]
        courses = [member.course for member in self._live if member.course is not None]
        work = [(course.engine, course.portion) for course in courses if course.portion is not None]
        if work:
            self._work = Together(work, self._pool, self._threads)
        return bool(work)

    def finish(self) -> None:
        """Wait for the portions, and let every run take what came of its own."""
        for member, (outcome, spent) in zip(self._live, self._work.outcomes(), strict=True):
            member.running += spent
            member.move_on(outcome)


def _room(world: World, threads: int) -> int:
    """Return how many runs of a setting may be at work at the same time."""
    rows = layout(world.method.fields(), world.objective.dim).itemsize * world.graph.n
    each = rows + (0 if world.shared.objective is not None else world.gradients.rows.nbytes)
    return max(threads, min(_PER_THREAD * threads, _BYTES // each))

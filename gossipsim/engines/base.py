"""What every engine offers: start, advance, state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gossipsim.engines.events import Counts, Limits
from gossipsim.errors import Refused
from gossipsim.world import World


@dataclass
class State:
    """All that evolves: rows of nodes and links, time of the last event, counts."""

    nodes: NDArray[Any]
    links: NDArray[Any]
    counts: Counts
    now: float = 0.0


class Engine(ABC):
    """Runs a world's events in order of time.

    Two engines given the same world produce the same bytes. `advance(limits)` runs every event strictly before
    `limits.until`, unless a count reaches its limit first; it raises `Diverged` when it meets a state that is not finite.
    """

    name: ClassVar[str]
    state: State

    @staticmethod
    def refuses(world: World) -> str | None:
        """Return one sentence when this engine cannot run the world, or None."""
        return None

    @abstractmethod
    def __init__(self, world: World) -> None: ...

    @abstractmethod
    def advance(self, limits: Limits) -> None:
        """Run events up to the limits."""

    @property
    @abstractmethod
    def exhausted(self) -> bool:
        """Whether no event is left: a recording has ended, or no clock ticks."""

    def check(self) -> None:  # noqa: B027  (the default is to do nothing)
        """Raise `Diverged` when a state is not finite; engines that check every event need not do anything."""


def nonfinite(nodes: NDArray[Any]) -> NDArray[np.int64]:
    """Return the numbers of the rows that hold a value that is not finite."""
    words = nodes.view(np.float64).reshape(len(nodes), -1)
    return np.flatnonzero(~np.isfinite(words).all(axis=1))


def choose(name: str, world: World) -> Engine:
    """Return the engine called `name`; "auto" is the compiled one unless it refuses."""
    from gossipsim.engines.compiled import Compiled
    from gossipsim.engines.processes import Processes

    if name == "processes":
        return Processes(world)
    try:
        reason = Compiled.refuses(world)
        if reason is None:
            return Compiled(world)
    except Refused as refusal:
        reason = str(refusal)
    if name == "compiled":
        raise Refused(reason)
    return Processes(world)

"""Which engine runs a world."""

from __future__ import annotations

from gossipsim.engines.base import Engine
from gossipsim.engines.cache import ONE_AT_A_TIME
from gossipsim.engines.compiled import Compiled
from gossipsim.errors import Refused, ScenarioError, nearest
from gossipsim.world import World

ENGINES = ("auto", "compiled", "processes")


def check_engine(name: str) -> None:
    """Refuse an engine that does not exist."""
    if name not in ENGINES:
        allowed = ", ".join(ENGINES)
        raise ScenarioError(f"unknown engine {name!r}", key=("engine",), allowed=allowed, hint=nearest(name, ENGINES))


def choose(name: str, world: World) -> Engine:
    """Return the engine called `name`; "auto" is the compiled one unless it refuses.

    One thread at a time: Numba's compiler and the syntax trees of Python 3.11 are shared between threads.
    """
    with ONE_AT_A_TIME:
        return _choose(name, world)


def _choose(name: str, world: World) -> Engine:
    if name != "processes":
        try:
            reason = Compiled.refuses(world)
            if reason is None:
                return Compiled(world)
        except Refused as refusal:
            reason = str(refusal)
        if name == "compiled":
            raise Refused(reason)
    from gossipsim.engines.processes import Processes  # SimPy is imported only where it is used

    return Processes(world)

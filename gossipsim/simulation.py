"""One run of one scenario."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gossipsim.course import Course, Progress
from gossipsim.document import Document
from gossipsim.engines.choice import check_engine
from gossipsim.errors import Interrupted, ScenarioError
from gossipsim.interrupts import noted
from gossipsim.scenario import Scenario
from gossipsim.trace import Trace
from gossipsim.world import World


def simulate(
    scenario: Scenario | str | Path | Mapping[str, Any], *, engine: str = "auto", progress: Progress | None = None
) -> Trace:
    """Run one scenario.

    Parameters
    ----------
    scenario : Scenario, path or mapping
        What to run.
    engine : {"auto", "compiled", "processes"}
        "processes" is the SimPy definition of the world; "auto" takes the compiled engine unless it refuses.
    progress : callable, optional
        Called a few times per second with the fraction done, or None when that is not known, and a short text.

    Returns
    -------
    Trace

    Raises
    ------
    ScenarioError, Refused
        Bad input, or a combination that a method or engine declines.
    Interrupted
        Ctrl-C; its `trace` holds what was computed.

    Examples
    --------
    >>> import gossipsim as gs
    >>> trace = gs.simulate({
    ...     "topology": {"name": "cycle", "n": 8},
    ...     "problem": {"name": "quadratic", "dim": 2},
    ...     "method": "dadao",
    ...     "run": {"time": 100},
    ... })
    >>> trace.status, bool(trace.frame().error.iloc[-1] < 1e-2 * trace.frame().error.iloc[0])
    ('finished', True)
    """
    check_engine(engine)
    document = Document.load(scenario) if isinstance(scenario, str | Path) else None
    if document is not None:
        scenario = Scenario.from_document(document)
    elif not isinstance(scenario, Scenario):
        scenario = Scenario.parse(scenario)  # type: ignore[arg-type]
    began = time.perf_counter()
    say = progress or (lambda fraction, text: None)
    say(None, "building")
    try:
        world = World.build(scenario)
        _ = world.optimum  # what has none is bad input, told before anything is compiled
    except ScenarioError as fault:
        raise (document.locate(fault) if document is not None else fault) from None
    with noted() as interrupted:
        course = Course(world, engine, say, interrupted)
        ready = time.perf_counter()
        while course.portion is not None:
            course.take(course.engine.outcome(course.portion))
    trace = course.trace(ready - began, time.perf_counter() - ready)
    if trace.status == "interrupted":
        raise Interrupted(trace)
    return trace

"""What the SimPy engine adds to SimPy: events at an absolute time, and bells that wake one process after another."""

from __future__ import annotations

from heapq import heappush

import simpy
from simpy.events import NORMAL


class Environment(simpy.Environment):  # type: ignore[misc,unused-ignore]
    """SimPy's environment, plus events at an absolute time."""

    def at(self, t: float, event: simpy.Event) -> simpy.Event:
        """Let an event happen at exactly time t, with t as its value.

        SimPy schedules delays, and now + (t - now) is not always t in floating point.
        """
        event._ok, event._value = True, t
        heappush(self._queue, (t, NORMAL, next(self._eid), event))
        return event


class Bell:
    """Wakes the process that waits for it, and then the one that rang it."""

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.rung = simpy.Event(env)

    def ring(self, t: float) -> simpy.Event:
        """Wake the waiting process at time t and tell it the time; return the event, to wait for it too."""
        rung, self.rung = self.rung, simpy.Event(self.env)
        return self.env.at(t, rung)

"""How far a sweep is, and how long the rest will take."""

from __future__ import annotations

import time

from gossipsim.course import Progress
from gossipsim.store import Outcome


class Teller:
    """Tells how many runs are done, and how long the others will take if they are like those."""

    def __init__(self, total: int, done: int, progress: Progress | None) -> None:
        self.total, self.done, self.failed, self.progress = total, done, 0, progress
        self.fresh, self.began = 0, 0.0
        self.say()

    def __call__(self, outcome: Outcome) -> None:
        """Count one more."""
        if not self.fresh:  # starting and compiling end here
            self.began = time.monotonic()
        self.done += 1
        self.fresh += 1
        self.failed += not outcome.columns or outcome.status == "diverged"
        self.say()

    def say(self) -> None:
        """Tell."""
        if self.progress is None:
            return
        text = f"{self.done:,} of {self.total:,} runs"
        if self.failed:
            text += f", {self.failed:,} failed"
        if self.fresh > 1 and self.done < self.total:
            left = (time.monotonic() - self.began) / (self.fresh - 1) * (self.total - self.done)
            text += f", about {duration(left)} left"
        self.progress(self.done / self.total, text)


def duration(seconds: float) -> str:
    """Return a time in words.

    Examples
    --------
    >>> duration(8.2), duration(150), duration(9000)
    ('8 s', '2.5 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.3g} min" if seconds < 5400 else f"{seconds / 3600:.3g} h"

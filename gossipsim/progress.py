"""How far a run is, told on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from gossipsim.course import Progress

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def telling(name: str, *, quiet: bool = False, stream: TextIO | None = None) -> Iterator[Progress]:
    """Yield what `simulate` calls with the fraction done (None when unknown) and a short text.

    Parameters
    ----------
    name : str
        What is running.
    quiet : bool
        Tell nothing.
    stream : text stream, optional
        Where to write (default: standard error).

    Examples
    --------
    >>> with telling("small", stream=sys.stdout) as progress:
    ...     progress(None, "compiling")
    ...     progress(0.5, "t = 5, 100 events")
    ...     progress(1.0, "t = 10, 200 events")
    small: compiling
    small: 100 %, t = 10, 200 events
    """
    stream = sys.stderr if stream is None else stream
    if quiet:
        yield lambda fraction, text: None
    elif stream.isatty():
        with _bar(name, stream) as progress:
            yield progress
    else:
        lines = Lines(name, stream)
        yield lines
        lines.end()


class Lines:
    """Writes a line when the run starts, at most one every few seconds, and one at the end."""

    def __init__(self, name: str, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self.name, self.stream, self.clock = name, stream, clock
        self.last = ""
        self.written: float | None = None

    def __call__(self, fraction: float | None, text: str) -> None:
        """Write the text, unless a line was written a moment ago."""
        if text == "building":  # whatever is wrong with the input shows here, and then the only line is the complaint
            return
        self.last = text if fraction is None else f"{100 * fraction:.0f} %, {text}"
        if self.written is None or self.clock() - self.written >= SECONDS_BETWEEN_LINES:
            self.write()

    def end(self) -> None:
        """Write the latest text, if it was held back."""
        if self.last:
            self.write()

    def write(self) -> None:
        """Write the latest text now."""
        print(f"{self.name}: {self.last}", file=self.stream, flush=True)
        self.written, self.last = self.clock(), ""


@contextmanager
def _bar(name: str, stream: TextIO) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.fields[name]}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task("building", total=None, name=name)

        def progress(fraction: float | None, text: str) -> None:
            if fraction is None:
                bar.update(task, description=text)
            else:
                bar.update(task, description=text, total=1.0, completed=fraction)

        yield progress

"""What goes wrong, and the one sentence that says so."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

Key = tuple[str | int, ...]


class GossipsimError(Exception):
    """Base of every error that gossipsim raises on purpose."""


class ScenarioError(GossipsimError):
    """Bad input: a scenario, a graph, a data file or an option.

    Parameters
    ----------
    message : str
        What is wrong, including what was given.
    key : tuple of str or int
        Path of the offending key inside the scenario, outermost first.
    allowed : str, optional
        What would have been accepted.
    hint : str, optional
        The nearest valid name.
    file, line : optional
        Where the input stands, when it came from a file.

    Examples
    --------
    >>> print(ScenarioError("unknown method 'dado'", key=("method", "name"), allowed="dadao, gossip", hint="dadao"))
    method.name: unknown method 'dado'; allowed: dadao, gossip; did you mean 'dadao'?
    """

    def __init__(
        self,
        message: str,
        *,
        key: Sequence[str | int] = (),
        allowed: str | None = None,
        hint: str | None = None,
        file: object = None,
        line: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.key: Key = tuple(key)
        self.allowed = allowed
        self.hint = hint
        self.file = None if file is None else str(file)
        self.line = line

    def under(self, *prefix: str | int) -> ScenarioError:
        """Return the same error with its key moved below `prefix`."""
        self.key = (*prefix, *self.key)
        return self

    def __str__(self) -> str:
        """Return the whole message on one line: place, key, what was given, what is allowed, nearest name."""
        place = self.file or ""
        if self.line is not None:
            place += f":{self.line}" if place else f"line {self.line}"
        parts = [f"{place}: " if place else "", f"{dotted(self.key)}: " if self.key else "", self.message]
        if self.allowed:
            parts.append(f"; allowed: {self.allowed}")
        if self.hint:
            parts.append(f"; did you mean {self.hint!r}?")
        return "".join(parts)


class Refused(GossipsimError):
    """A method, engine or feature declines a combination that is valid in itself, with its reason."""


class Diverged(GossipsimError):
    """A node's state stopped being finite; `args` are the node and the time."""

    def __init__(self, node: int, time: float) -> None:
        super().__init__(node, time)
        self.node, self.time = node, time
        self.records: Any = None  # what an engine had recorded on the way there

    def __str__(self) -> str:
        """Return the sentence."""
        return f"the state of node {self.node} stopped being finite at time {self.time:.6g}"


class Interrupted(KeyboardInterrupt):
    """The user stopped a run; `trace` holds what was computed until then."""

    def __init__(self, trace: Any) -> None:
        super().__init__("interrupted")
        self.trace = trace


def nearest(given: object, names: Iterable[str]) -> str | None:
    """Return the valid name closest to `given`, or None when nothing is close.

    Examples
    --------
    >>> nearest("dado", ["gossip", "dadao"])
    'dadao'
    """
    found = difflib.get_close_matches(str(given), list(names), n=1, cutoff=0.5)
    return found[0] if found else None


def dotted(key: Sequence[str | int]) -> str:
    """Write a key path the way a user writes it.

    Examples
    --------
    >>> dotted(("topology", "edges", 3, 1))
    'topology.edges[3][1]'
    """
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: object, limit: int = 60) -> str:
    """Return `value` as a short quotation for a message."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."

"""Saved results of all kinds: a folder says itself what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gossipsim.errors import ScenarioError

if TYPE_CHECKING:
    from gossipsim.comparison import Comparison
    from gossipsim.sweeps import Sweep
    from gossipsim.trace import Trace


def load(folder: str | Path) -> Trace | Comparison | Sweep:
    """Return the run, the comparison of methods or the sweep that a folder holds.

    Raises
    ------
    ScenarioError
        It holds none of them, or files that are damaged or were changed.
    """
    folder = Path(folder)
    if (folder / "sweep.json").is_file():
        from gossipsim.sweeps import Sweep

        return Sweep.load(folder)
    if (folder / "comparison.json").is_file():
        from gossipsim.comparison import Comparison

        return Comparison.load(folder)
    if folder.is_dir() and not (folder / "meta.json").is_file():
        allowed = "a folder that `gossipsim run` or `gossipsim sweep` saved"
        raise ScenarioError("holds no finished result", file=folder, allowed=allowed)
    from gossipsim.trace import Trace

    return Trace.load(folder)

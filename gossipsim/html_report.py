"""One self-contained HTML page about a result: nothing in it is fetched from anywhere."""

from __future__ import annotations

from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from gossipsim.errors import ScenarioError, nearest
from gossipsim.folders import write_whole

if TYPE_CHECKING:
    from gossipsim.comparison import Comparison
    from gossipsim.sweeps import Sweep
    from gossipsim.trace import Trace

_ENDING = ".html"


def report(result: Trace | Comparison | Sweep | str | Path, file: str | Path) -> Path:
    """Write a page about a run, a comparison of methods or a sweep.

    It shows the headline figures, the pictures, what was promised beside what was measured, tables, the scenario, how to
    reproduce it, and provenance. The same result gives the same bytes.

    Parameters
    ----------
    result : Trace, Comparison, Sweep or path
        What it is about, or the folder where it was saved.
    file : path
        Ends with .html.

    Raises
    ------
    ScenarioError
        A folder without a result, another ending, or a place that cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import gossipsim as gs
    >>> trace = gs.simulate({
    ...     "topology": {"name": "cycle", "n": 4},
    ...     "problem": {"name": "quadratic", "dim": 2},
    ...     "method": "dadao",
    ...     "run": {"time": 20},
    ... }, engine="processes")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = report(trace, Path(folder, "run.html")).read_text()
    >>> page.splitlines()[0], "https://" in page
    ('<!doctype html>', False)
    """
    file = Path(file)
    if file.suffix.lower() != _ENDING:
        hint = nearest(file.suffix, [_ENDING])
        raise ScenarioError(f"unknown ending {file.suffix!r}", file=file, allowed=_ENDING, hint=hint)
    if isinstance(result, str | Path):
        from gossipsim.results import load

        result = load(result)
    write_whole(file, _rendered(result).encode())
    return file


def _rendered(result: Trace | Comparison | Sweep) -> str:
    from jinja2 import Environment, StrictUndefined

    from gossipsim.report_content import page_of

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = resources.files("gossipsim").joinpath("report_template.html").read_text(encoding="utf-8")
    return environment.from_string(template).render(page=page_of(result), version=version("gossipsim"))

"""A run as a moving picture."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.folders import write_whole
from gossipsim.graph_plot import places_of
from gossipsim.pictures.frames import draw, finish, scale_of
from gossipsim.pictures.shots import prepared, shots
from gossipsim.scenario import Scenario
from gossipsim.world import World

FORMATS = (".gif", ".mp4")
MOVING, MOST_MOVING = 60, 600


def animation(
    scenario: Scenario | World | str | Path | Mapping[str, Any],
    path: str | Path,
    times: Sequence[float] | None = None,
    *,
    flash: float | None = None,
    engine: str = "auto",
    fps: float = 10.0,
) -> Path:
    """Write the frames of `frames` as a moving picture, .gif or .mp4, all or nothing.

    For .mp4 it takes the ffmpeg on the path, or that of `pip install 'gossipsim[video]'`.

    Parameters
    ----------
    scenario, times, flash, engine
        As for `frames`; at most 600 times. Default: 60, evenly spaced from 0 to `run.time`.
    path : path
        Where it goes.
    fps : float
        Frames per second.

    Raises
    ------
    ScenarioError
        Another ending, no ffmpeg, a place that cannot be written; and as `frames`.
    """
    from matplotlib import rc_context
    from matplotlib.animation import FFMpegWriter, PillowWriter
    from matplotlib.figure import Figure

    path = Path(path)
    ending = path.suffix.lower()
    if ending not in FORMATS:
        hint = nearest(ending, FORMATS)
        raise ScenarioError(f"unknown ending {ending!r}", file=path, allowed=", ".join(FORMATS), hint=hint)
    ffmpeg = _ffmpeg() if ending == ".mp4" else ""
    if ffmpeg is None:
        allowed = ".gif, or pip install 'gossipsim[video]'"
        raise ScenarioError("ffmpeg, which writes .mp4, is not installed", file=path, allowed=allowed)
    if not (isinstance(fps, int | float) and 0 < fps <= 100):
        raise ScenarioError(f"given {shown(fps)}", key=("fps",), allowed="frames per second, 0 < fps <= 100")
    world, looks = prepared(scenario, times, MOVING, MOST_MOVING)
    found = shots(world, looks, flash, engine)
    figure = Figure(figsize=(5.2, 5.0), layout="constrained")
    ax = figure.add_subplot()
    scale, places = scale_of(found), places_of(world.graph)
    draw(ax, world, places, found[0], scale)
    finish(figure, world, [ax], scale, found)
    writer = (PillowWriter if ending == ".gif" else FFMpegWriter)(fps=fps)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder, rc_context({"animation.ffmpeg_path": ffmpeg}):
        draft = Path(folder, f"draft{ending}")
        with writer.saving(figure, str(draft), dpi=100):
            for shot in found:
                ax.clear()
                draw(ax, world, places, shot, scale)
                writer.grab_frame()
                figure.set_layout_engine("none")  # what the first frame arranged serves all
        write_whole(path, draft.read_bytes())
    return path


def _ffmpeg() -> str | None:
    """Return where ffmpeg is, or None."""
    found = shutil.which("ffmpeg")
    if found is None:
        try:
            from imageio_ffmpeg import get_ffmpeg_exe

            found = str(get_ffmpeg_exe())
        except (ImportError, RuntimeError):  # the latter: the package has none for this system
            return None
    return found

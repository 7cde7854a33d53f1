"""Pictures of what happens in a run: the family of `gs.pictures`.

Each takes a scenario, a file, a mapping or a `World`, and returns a Matplotlib figure.
"""

from gossipsim.pictures.animation import animation
from gossipsim.pictures.frames import frames
from gossipsim.pictures.presence import presence
from gossipsim.pictures.space_time import space_time
from gossipsim.pictures.utilisation import utilisation

__all__ = ["animation", "frames", "presence", "space_time", "utilisation"]

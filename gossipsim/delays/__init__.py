"""What every directed link adds to the latency of its messages: the family `delays`."""

from gossipsim.delays.base import Delays
from gossipsim.delays.distance import Euclidean, GreatCircle
from gossipsim.delays.file import File

__all__ = ["Delays", "Euclidean", "File", "GreatCircle"]

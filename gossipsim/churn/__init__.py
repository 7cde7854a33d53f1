"""Who is away when: nodes that come and go, and nodes that fail."""

from gossipsim.churn.alternating import Alternating
from gossipsim.churn.base import STATES, Churn, Sessions, State
from gossipsim.churn.failure import Failure
from gossipsim.churn.file import File
from gossipsim.churn.presence import Changes, Presence

__all__ = ["STATES", "Alternating", "Changes", "Churn", "Failure", "File", "Presence", "Sessions", "State"]

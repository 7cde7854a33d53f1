"""Laws of random durations: compute times, latencies, waiting times."""

from gossipsim.law.base import Calls, Law
from gossipsim.law.closed_forms import Constant, Exponential, Gamma, Lognormal, Pareto, Uniform, Weibull
from gossipsim.law.recorded import Replay, Trace, drawn

__all__ = [
    "Calls", "Constant", "Exponential", "Gamma", "Law", "Lognormal", "Pareto", "Replay", "Trace", "Uniform",
    "Weibull", "drawn",
]  # fmt: skip

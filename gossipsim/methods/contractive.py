"""What methods that need a contractive compressor share."""

from __future__ import annotations

from gossipsim.facts import Facts


def contractive_scale(facts: Facts) -> float:
    """Return 1/(1 + omega): with this factor an unbiased compressor of variance omega contracts, by delta = 1/(1 + omega)."""
    return 1.0 / (1.0 + (facts.omega or 0.0))


def unknown_contraction(name: str, facts: Facts) -> str | None:
    """Return in one sentence that the compressor states no constant to take steps from, or None."""
    if not facts.delta > 0:
        return f"{name} takes its steps from the compressor's delta or omega, and this one states neither: give gamma"
    return None

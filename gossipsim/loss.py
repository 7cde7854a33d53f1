"""Which messages are lost on their way: the family `loss`."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import model_validator

from gossipsim.component import Component, Probability
from gossipsim.errors import ScenarioError


class Loss(Component, kind="loss"):
    """Whether a message is lost, for every directed link a chain of two states.

    A link in the good state loses a message with probability `lost_in_good`, one in the bad state with `lost_in_bad`; before
    each message it changes its state with probabilities `to_bad` and `to_good`. It starts in its stationary distribution.

    A number p means `{name: bernoulli, p: p}`.
    """

    @classmethod
    def parse(cls, spec: object, base: Path | None = None) -> Self:
        """Build the member that `spec` names; a number is the probability of independent losses.

        Examples
        --------
        >>> Loss.parse(0.1)
        Bernoulli(p=0.1)
        """
        number = isinstance(spec, int | float) and not isinstance(spec, bool)
        return super().parse({"name": "bernoulli", "p": float(spec)} if number else spec, base)  # type: ignore[arg-type]

    @property
    def chain(self) -> tuple[float, float, float, float]:
        """Return `(to_bad, to_good, lost_in_good, lost_in_bad)`."""
        raise NotImplementedError

    @property
    def mean(self) -> float:
        """Share of messages lost in the long run.

        Examples
        --------
        >>> GilbertElliott(to_bad=0.1, to_good=0.4).mean
        0.2
        """
        to_bad, to_good, good, bad = self.chain
        return (to_good * good + to_bad * bad) / (to_good + to_bad) if to_good + to_bad > 0 else good


class Bernoulli(Loss, name="bernoulli"):
    """Every message is lost with the same probability, independently.

    Parameters
    ----------
    p : float
        Probability of loss.
    """

    p: Probability

    @property
    def chain(self) -> tuple[float, float, float, float]:
        """Return a chain that stays in the good state."""
        return 0.0, 1.0, self.p, self.p


class GilbertElliott(Loss, name="gilbert_elliott"):
    """Losses in bursts: a link is in a good or a bad state, and most messages of the bad state are lost.

    Gilbert, "Capacity of a burst-noise channel", Bell System Technical Journal 39 (1960); Elliott, ibid. 42 (1963). The mean
    burst lasts 1 / to_good messages.

    Parameters
    ----------
    to_bad, to_good : float
        Probabilities to change state before a message.
    lost_in_good, lost_in_bad : float
        Probabilities of loss in each state.
    """

    to_bad: Probability
    to_good: Probability
    lost_in_good: Probability = 0.0
    lost_in_bad: Probability = 1.0

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if self.to_bad + self.to_good == 0.0:
            raise ScenarioError(
                "a chain that never moves", key=("to_good",), allowed="to_good > 0, or bernoulli losses"
            )
        return self

    @property
    def chain(self) -> tuple[float, float, float, float]:
        """Return the four probabilities."""
        return self.to_bad, self.to_good, self.lost_in_good, self.lost_in_bad

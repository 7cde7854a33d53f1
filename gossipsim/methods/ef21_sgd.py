"""EF21-SGD: EF21 with estimated gradients.

Fatkhullin, Sokolov, Gorbunov, Li, Richtarik, "EF21 with bells & whistles: practical algorithmic extensions of modern error
feedback", 2021.
"""

from __future__ import annotations

from math import sqrt

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, Promise
from gossipsim.methods.ef21 import Ef21


class Ef21Sgd(Ef21, name="ef21_sgd"):
    r"""EF21-SGD: EF21 on minibatches, or on noisy gradients, with a step that allows for them.

    .. math:: c_i = C(\hat g_i(x) - g_i), \quad g_i \leftarrow g_i + c_i; \qquad
              g \leftarrow g + \tfrac1n \sum_i c_i, \quad x \leftarrow x - \gamma g,

    where \(\hat g_i\) estimates the gradient as the key `sampling` of the scenario says.

    Parameters
    ----------
    multiplier : float
        Factor of theory's step size.
    s, v : float, optional
        Positive numbers that split theory's inequalities.

    Notes
    -----
    \(\gamma\) is `multiplier` \(/ (L + \tilde L\sqrt{\hat\beta/\hat\theta})\) with
    \(\hat\theta = 1 - (1-\alpha)(1+s)(1+v)\) and \(\hat\beta = 2(1-\alpha)(1+s)(s + 1/v)\), as they are remembered and not
    checked against the paper. By default s = v with \(\hat\theta = \alpha/2\). Noise leaves a floor that a smaller gamma lowers.
    The rest, and what a lost message does, is as for `ef21`.

    Examples
    --------
    >>> Ef21Sgd(multiplier=2.0).multiplier
    2.0
    """

    multiplier: Positive = 1.0
    s: Positive | None = None
    v: Positive | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, 1/n, and what makes an unbiased compressor contractive."""
        found = super().constants(facts)
        return found if self.gamma else found | {"gamma": self.multiplier * found["gamma"]}

    def _rates(self, alpha: float) -> tuple[float, float]:
        if alpha >= 1:
            return 1.0, 0.0
        split = sqrt((1 - alpha / 2) / (1 - alpha)) - 1
        s, v = self.s or split, self.v or split
        return 1 - (1 - alpha) * (1 + s) * (1 + v), 2 * (1 - alpha) * (1 + s) * (s + 1 / v)

    def promise(self, facts: Facts) -> Promise | None:
        """Return None: with noise there is a floor."""
        return None

    def refuses(self, facts: Facts) -> str | None:
        """Refuse numbers s and v that leave no step size, and what `ef21` refuses."""
        if not self.gamma and facts.delta > 0 and not self._rates(facts.delta)[0] > 0:
            return (
                f"{self.name} needs (1 - alpha)(1 + s)(1 + v) < 1, here alpha = {facts.delta:.3g}: take smaller s and v"
            )
        return super().refuses(facts)

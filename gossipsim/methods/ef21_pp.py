"""EF21-PP: EF21 with partial participation.

Fatkhullin, Sokolov, Gorbunov, Li, Richtarik, "EF21 with bells & whistles: practical algorithmic extensions of modern error
feedback", 2021.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gossipsim.component import Positive
from gossipsim.methods.base import Facts, kernel, uniform
from gossipsim.methods.ef21 import Ef21, rates


class Ef21Pp(Ef21, name="ef21_pp"):
    r"""EF21-PP: EF21 in which every client takes part in a round with probability p, independently.

    A client that does not take part computes nothing and sends nothing, and the server keeps its \(g_i\).

    Parameters
    ----------
    p : float
        Probability of taking part.
    rho : float, optional
        Positive number that splits theory's inequalities (default: \(\theta p / (2(1-p))\)).

    Notes
    -----
    \(\gamma = 1/(L + \tilde L\sqrt{B/\theta_p})\), \(\theta_p = \theta p - \rho(1-p)\), \(B = \beta p + (1 + 1/\rho)(1-p)\),
    theta and beta as for `ef21`: with probability p the error of \(g_i\) shrinks as there, and else
    \(\|\nabla f_i(x^+) - g_i\|^2 \le (1 + \rho)\|\nabla f_i(x) - g_i\|^2 + (1 + 1/\rho)\|\nabla f_i(x^+) - \nabla f_i(x)\|^2\).
    p = 1 is EF21. Nobody has spoken before a client's first round: its \(g_i\) is zero until then.

    A lost message of a client makes g differ from the mean of the \(g_i\) for good.

    *Promise*: that of `ef21`, with \(\theta_p\) and B in place of theta and beta.

    Examples
    --------
    >>> Ef21Pp(p=0.5).p
    0.5
    """

    node = Ef21.node | {"active": "scalar"}

    p: Annotated[float, Field(gt=0, le=1)] = 0.5
    rho: Positive | None = None

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return gamma, 1/n, what makes an unbiased compressor contractive, and p."""
        return super().constants(facts) | {"p": self.p}

    def _rates(self, alpha: float) -> tuple[float, float]:
        theta, beta = rates(alpha)
        if self.p == 1:
            return theta, beta
        rho = self.rho or theta * self.p / (2 * (1 - self.p))
        return theta * self.p - rho * (1 - self.p), beta * self.p + (1 + 1 / rho) * (1 - self.p)

    def refuses(self, facts: Facts) -> str | None:
        """Refuse a rho that leaves no step size, and what `ef21` refuses."""
        if not self.gamma and facts.delta > 0 and not self._rates(facts.delta)[0] > 0:
            return (
                f"{self.name} needs rho (1 - p) < theta p, here theta = {rates(facts.delta)[0]:.3g}: take a smaller rho"
            )
        return super().refuses(facts)

    @kernel
    def query(p, node, t, out, draw):
        node.active = 1.0 if uniform(draw, 0) < p.p else 0.0
        out[:] = node.x
        return node.active > 0.0

    @kernel
    def message(p, node, link, t, out):
        if node.hub > 0.0:
            out[:] = node.x
            return node.turn == 1
        out[:] = node.change
        return node.turn == 0 and node.active > 0.0

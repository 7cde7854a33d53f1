"""ADOM+.

Kovalev, Gasanov, Gasnikov, Richtarik, "Lower bounds and optimal algorithms for smooth and strongly convex
decentralized optimization over time-varying networks", NeurIPS 2021, algorithm 2.
"""

from __future__ import annotations

from math import ceil, log, log1p, sqrt
from typing import Annotated, Any

from pydantic import Field

from gossipsim.component import Finite, Positive
from gossipsim.methods.base import Facts, Method, Promise, kernel

_CONSTANTS = ("tau_1", "tau_2", "sigma_1", "sigma_2", "eta", "theta", "alpha", "beta", "gamma", "delta", "zeta", "nu")


class AdomPlus(Method, name="adom_plus"):
    r"""ADOM+: accelerated, synchronous, primal; optimal for changing networks.

    With \(\hat W = W / \lambda_{\max}(W)\), W the Laplacian of the mixing weights, \(\chi =
    \lambda_{\max}/\lambda_2\), and G = \hat W or, with multi-consensus, \(G = I - (I - \hat W)^T\):

    .. math:: x_g &= \tau_1 x + (1 - \tau_1) x_f, \quad (y_g, z_g) = \sigma_1 (y, z) + (1 - \sigma_1)(y_f, z_f),
              \quad g = \nabla F(x_g), \\
              x^+ &= x + \eta\alpha(x_g - x^+) - \eta(g - \nu x_g - y^+), \\
              y^+ &= y + \theta\beta(g - \nu x_g - y^+) - \theta((y_g + z_g)/\nu + x^+), \\
              q &= (\gamma/\nu)(y_g + z_g) + m, \quad z^+ = z + \gamma\delta(z_g - z) - G q, \quad m^+ = q - G q, \\
              x_f &= x_g + \tau_2(x^+ - x), \quad y_f = y_g + \sigma_2(y^+ - y), \quad z_f = z_g - \zeta G(y_g + z_g).

    Parameters
    ----------
    multi_consensus : bool
        Gossip T = ceil(chi ln 2) times per gradient, and take chi = 2 in the constants.
    mu, L, chi : float, optional
        Strong convexity and smoothness (default: of the problem), condition number of the network (default: of the
        graph).
    T : int, optional
        Turns per round; 1 without multi-consensus.
    tau_1, tau_2, sigma_1, sigma_2, eta, theta, alpha, beta, gamma, delta, zeta, nu : float, optional
        Every constant of theory can be overridden.

    Notes
    -----
    \(\tau_2 = \sqrt{\mu/L}\), \(\tau_1 = 1/(1/\tau_2 + 1/2)\), \(\eta = 1/(L\tau_2)\), \(\alpha = \nu = \mu/2\),
    \(\beta = 1/(2L)\), \(\sigma_2 = \tau_2/(16\chi)\), \(\sigma_1 = 1/(1/\sigma_2 + 1/2)\), \(\theta =
    \nu/(4\sigma_2)\), \(\gamma = \nu/(14\sigma_2\chi^2)\), \(\delta = 1/(17L)\), \(\zeta = 1/2\). A message is two
    vectors, q and y_g + z_g. The sum of z over the nodes stays what it is at the
    start, and must be zero; that of m drifts by (gamma/nu) sum (y_g + z_g) per round, in the direction that G does not
    see. A lost message breaks the first, and the limit is then biased; an absent node misses its part of the drift.

    *Promise*: when the constants are those of theory and the sum of z is zero,
    \(\frac1n\sum_i \|x_i^k - x^*\|^2 \le C (1 - \sqrt{\mu/L}/(32\chi))^k\), with chi = 2 under multi-consensus.

    Examples
    --------
    >>> AdomPlus(multi_consensus=True).payload
    {'q': 'vector', 's': 'vector'}
    """

    node = dict.fromkeys(("x", "x_f", "y", "y_f", "z", "z_f", "m", "z_g", "q", "s", "q_mixed", "s_mixed"), "vector")
    payload = {"q": "vector", "s": "vector"}
    computes = talks = "round"
    when_changing = ""
    when_lost = (
        "a lost message breaks a sum that the limit depends on, an absence the drift of m: the limit is then biased"
    )
    mixing = "laplacian"

    multi_consensus: bool = False
    mu: Positive | None = None
    L: Positive | None = None
    chi: Positive | None = None
    T: Annotated[int, Field(ge=1)] | None = None
    tau_1: Finite | None = None
    tau_2: Finite | None = None
    sigma_1: Finite | None = None
    sigma_2: Finite | None = None
    eta: Finite | None = None
    theta: Finite | None = None
    alpha: Finite | None = None
    beta: Finite | None = None
    gamma: Finite | None = None
    delta: Finite | None = None
    zeta: Finite | None = None
    nu: Finite | None = None

    def _chi(self, facts: Facts) -> float:
        if self.chi is not None:
            return self.chi
        mixing = facts.mixing
        if facts.n == 1 or mixing is None:
            return 1.0
        chi = mixing.lambda_max / mixing.lambda_2
        return 1.0 if chi < 1 + 1e-12 else chi

    def turns(self, facts: Facts) -> int:
        """Return T."""
        if self.T is not None:
            return self.T
        return max(1, ceil(self._chi(facts) * log(2))) if self.multi_consensus else 1

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return every constant of theory, overridden where the settings say so."""
        mu, L, T = self.mu or facts.mu, self.L or facts.L, self.turns(facts)
        chi = 2.0 if T > 1 and self.multi_consensus else self._chi(facts)
        tau_2 = self.tau_2 or sqrt(mu / L)
        sigma_2 = self.sigma_2 or tau_2 / (16 * chi)
        nu = self.nu or mu / 2
        theory = {
            "tau_1": 1 / (1 / tau_2 + 0.5),
            "tau_2": tau_2,
            "sigma_1": 1 / (1 / sigma_2 + 0.5),
            "sigma_2": sigma_2,
            "eta": 1 / (L * tau_2),
            "theta": nu / (4 * sigma_2),
            "alpha": mu / 2,
            "beta": 1 / (2 * L),
            "gamma": nu / (14 * sigma_2 * chi**2),
            "delta": 1 / (17 * L),
            "zeta": 0.5,
            "nu": nu,
        }
        chosen = {name: getattr(self, name) for name in theory}
        found = {name: value if chosen[name] is None else chosen[name] for name, value in theory.items()}
        a, b = 1 + found["eta"] * found["alpha"], 1 + found["theta"] * found["beta"]
        largest = facts.mixing.lambda_max if facts.mixing is not None and facts.n > 1 else 1.0
        return found | {
            "a": a,
            "b": b,
            "det": a * b + found["eta"] * found["theta"],
            "scale": 1 / largest,
            "turns": float(T),
        }

    def begin(self, nodes: Any, links: Any, graph: Any, facts: Facts) -> None:
        """Start x_f at x and y_f at y, unless the scenario starts them elsewhere."""
        for copy, field in (("x_f", "x"), ("y_f", "y")):
            if not nodes[copy].any():
                nodes[copy] = nodes[field]

    def promise(self, facts: Facts) -> Promise | None:
        """Return -log(1 - sqrt(mu/L) / (32 chi)) per round."""
        if any(getattr(self, name) is not None for name in ("T", *_CONSTANTS)):
            return None
        chi = 2.0 if self.multi_consensus and self.turns(facts) > 1 else self._chi(facts)
        ratio = sqrt((self.mu or facts.mu) / (self.L or facts.L)) / (32 * chi)
        return Promise("error", -log1p(-ratio), "Kovalev et al. 2021, algorithm 2", "one round per unit time")

    def refuses(self, facts: Facts) -> str | None:
        """Refuse objectives that are not strongly convex."""
        if not (self.mu or facts.mu) > 0:
            return "adom_plus needs strongly convex local functions (mu > 0), here mu = 0: give l2 > 0, or mu in the method"
        return None

    @kernel
    def query(p, node, t, out):
        out[:] = p.tau_1 * node.x + (1.0 - p.tau_1) * node.x_f

    @kernel
    def step(p, node, t, g):
        x_g = p.tau_1 * node.x + (1.0 - p.tau_1) * node.x_f
        y_g = p.sigma_1 * node.y + (1.0 - p.sigma_1) * node.y_f
        node.z_g[:] = p.sigma_1 * node.z + (1.0 - p.sigma_1) * node.z_f
        node.s[:] = y_g + node.z_g
        node.q[:] = p.gamma / p.nu * node.s + node.m
        node.q_mixed[:] = node.q
        node.s_mixed[:] = node.s
        r = g - p.nu * x_g
        u = node.x + p.eta * p.alpha * x_g - p.eta * r
        v = node.y + p.theta * p.beta * r - p.theta / p.nu * node.s
        x_new = (p.b * u + p.eta * v) / p.det
        y_new = (p.a * v - p.theta * u) / p.det
        node.x_f[:] = x_g + p.tau_2 * (x_new - node.x)
        node.y_f[:] = y_g + p.sigma_2 * (y_new - node.y)
        node.x[:] = x_new
        node.y[:] = y_new

    @kernel
    def message(p, node, link, t, out):
        out.q[:] = node.q_mixed
        out.s[:] = node.s_mixed

    @kernel
    def receive(p, node, links, t, inbox, slots):
        q = 1.0 * node.q_mixed
        s = 1.0 * node.s_mixed
        for k in range(len(inbox)):
            w = p.scale * links[slots[k]].weight
            node.q_mixed[:] = node.q_mixed + w * (inbox[k].q - q)
            node.s_mixed[:] = node.s_mixed + w * (inbox[k].s - s)
        if node.turn == p.turns - 1:
            node.z[:] = node.z + p.gamma * p.delta * (node.z_g - node.z) - (node.q - node.q_mixed)
            node.m[:] = node.q_mixed
            node.z_f[:] = node.z_g - p.zeta * (node.s - node.s_mixed)

"""Statistics of replicas: intervals by resampling, paired differences, times that were not reached, rates of decay."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gossipsim.errors import ScenarioError, nearest, shown

RESAMPLES = 2000
LEVEL = 0.95
METHODS = ("bca", "percentile")
_BLOCK = 4_000_000
_FLOOR = 10.0

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class Interval(NamedTuple):
    """An estimate with the ends of its confidence interval."""

    value: float
    low: float
    high: float


def mean(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return means along the last axis."""
    return np.asarray(samples.mean(axis=-1))


def median(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return medians along the last axis."""
    return np.asarray(np.median(samples, axis=-1))


def geometric_mean(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return exp of the mean logarithm along the last axis."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp(np.log(samples).mean(axis=-1)))


def bootstrap(
    values: ArrayLike,
    statistic: Statistic = mean,
    *,
    level: float = LEVEL,
    method: str = "bca",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return a statistic of independent values with a confidence interval from resampling them.

    Parameters
    ----------
    values : array, shape (k,)
        One value per replica.
    statistic : callable
        Maps arrays (..., k) to arrays (...): `mean`, `median`, `geometric_mean` or your own.
    level : float
        Probability with which the interval should cover the truth.
    method : {"bca", "percentile"}
        Quantiles of the resampled statistic, corrected for bias and skewness (Efron 1987), or as they are.
    resamples : int
        How many times the values are drawn anew, with replacement, from a generator with this `seed`.

    Returns
    -------
    Interval
        Its ends are nan for fewer than two values, or values that are not finite; all nan without values.

    Raises
    ------
    ScenarioError
        A level that is no probability, or an unknown method.

    Examples
    --------
    >>> found = bootstrap([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> found.value, found.low < 2.5, found.high > 3.5
    (3.0, True, True)
    """
    if not 0.0 < level < 1.0:
        raise ScenarioError(f"given {level}", key=("level",), allowed="a probability, such as 0.95")
    if method not in METHODS:
        allowed, hint = ", ".join(METHODS), nearest(method, METHODS)
        raise ScenarioError(f"given {shown(method)}", key=("method",), allowed=allowed, hint=hint)
    x = np.asarray(values, dtype=float).ravel()
    if len(x) == 0:
        return Interval(nan, nan, nan)
    value = float(statistic(x))
    if len(x) < 2 or not np.isfinite(x).all():
        return Interval(value, nan, nan)
    drawn = np.sort(_resampled(x, statistic, resamples, seed))
    tails = np.array([(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    if method == "bca":
        tails = _corrected(x, value, drawn, tails, statistic)
    low, high = np.quantile(drawn, tails)
    return Interval(value, float(low), float(high))


def _resampled(x: NDArray[np.float64], statistic: Statistic, resamples: int, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng([seed, len(x)])
    at_once = max(1, _BLOCK // len(x))
    parts = []
    for first in range(0, resamples, at_once):
        places = rng.integers(len(x), size=(min(at_once, resamples - first), len(x)))
        parts.append(statistic(x[places]))
    return np.concatenate(parts)


def _corrected(
    x: NDArray[np.float64], value: float, drawn: NDArray[np.float64], tails: NDArray[np.float64], statistic: Statistic
) -> NDArray[np.float64]:
    """Return the probabilities at which BCa reads the quantiles: Efron and Tibshirani 1993, (14.9), (14.10), (14.15)."""
    from scipy.special import ndtr, ndtri

    below = (np.mean(drawn < value) + np.mean(drawn <= value)) / 2.0
    if not 0.0 < below < 1.0:
        return tails
    bias = ndtri(below)
    without = np.array([statistic(np.delete(x, i)) for i in range(len(x))])
    gaps = without.mean() - without
    gaps /= np.abs(gaps).max() or 1.0  # the acceleration is a ratio: scaled, squares of huge values do not overflow
    spread = (gaps**2).sum() ** 1.5
    acceleration = (gaps**3).sum() / (6.0 * spread) if spread > 0.0 else 0.0
    shifted = bias + ndtri(tails)
    return np.asarray(ndtr(bias + shifted / (1.0 - acceleration * shifted)))


class Reached(NamedTuple):
    """What it cost to reach a goal, when some replicas ended before they did.

    Attributes
    ----------
    median : float
        Kaplan-Meier median; inf when fewer than half of the replicas would have reached the goal by the last end.
    low, high : float
        Ends of its confidence interval; where the ends of the runs leave it open, low is the last of them and high inf.
    reached, runs : int
        How many reached the goal, of how many.
    """

    median: float
    low: float
    high: float
    reached: int
    runs: int


def survival(
    costs: ArrayLike, reached: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the Kaplan-Meier curve: costs at which it falls `(k,)`, its values after that, and Greenwood's sum of its variance.

    S(c) = prod over costs c_j <= c of (1 - d_j / n_j), where d_j replicas reached the goal at c_j and n_j were still on
    their way; Var S(c) is about S(c)^2 sum_j d_j / (n_j (n_j - d_j)) (Kaplan and Meier 1958; Greenwood 1926).

    Parameters
    ----------
    costs : array, shape (runs,)
        Where a replica reached the goal, or where it ended without.
    reached : array of bool, shape (runs,)
        Which of the two.

    Examples
    --------
    >>> c, s, _ = survival([1.0, 2.0, 2.0, 5.0], [True, False, True, True])
    >>> c.tolist(), s.tolist()
    ([1.0, 2.0, 5.0], [0.75, 0.5, 0.0])
    """
    c, hit = np.asarray(costs, dtype=float), np.asarray(reached, dtype=bool)
    places = np.unique(c[hit])
    at_risk = np.array([(c >= place).sum() for place in places], dtype=float)
    falls = np.array([(c[hit] == place).sum() for place in places], dtype=float)
    left = at_risk - falls
    with np.errstate(divide="ignore"):
        variance = np.cumsum(falls / (at_risk * left))
    return places, np.cumprod(left / at_risk), variance


def cost_to_reach(costs: ArrayLike, reached: ArrayLike, *, level: float = LEVEL) -> Reached:
    """Return the median cost of reaching a goal when some replicas ended before; see `survival`.

    The interval holds all costs c at which the band of S(c), on the log(-log) scale, contains one half (Brookmeyer and
    Crowley 1982).

    Examples
    --------
    >>> cost_to_reach([3.0, 1.0, 2.0, 9.0, 9.0], [True, True, True, False, False])[::3]
    (3.0, 3)
    >>> cost_to_reach([9.0, 1.0, 9.0], [False, True, False]).median
    inf
    """
    from scipy.special import ndtri

    c, hit = np.asarray(costs, dtype=float), np.asarray(reached, dtype=bool)
    last = float(c.max(initial=0.0))
    places, s, variance = survival(c, hit)
    if not len(places):
        return Reached(inf, last, inf, 0, len(hit))
    z = float(ndtri((1.0 + level) / 2.0))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        width = z * np.sqrt(variance) / np.abs(np.log(s))
        lower, upper = s ** np.exp(width), s ** np.exp(-width)
    lower, upper = np.where(s > 0.0, lower, 0.0), np.where(s > 0.0, upper, 0.0)

    def first(curve: NDArray[np.float64]) -> float:
        under = np.flatnonzero(curve <= 0.5 + 1e-12)
        return float(places[under[0]]) if len(under) else inf

    return Reached(first(s), min(first(lower), last), first(upper), int(hit.sum()), len(hit))


class Paired(NamedTuple):
    """How two settings differ on the same seeds.

    Attributes
    ----------
    difference : Interval
        Mean of b - a.
    ratio : Interval
        Geometric mean of b / a; nan unless all are positive.
    less : int
        Seeds on which b is less than a.
    pairs : int
        Seeds that both have.
    """

    difference: Interval
    ratio: Interval
    less: int
    pairs: int


def paired(a: ArrayLike, b: ArrayLike, *, level: float = LEVEL, seed: int = 0) -> Paired:
    """Compare values of two settings seed by seed, which leaves out what both owe to the seed.

    Parameters
    ----------
    a, b : array, shape (pairs,)
        Values on the same seeds.

    Examples
    --------
    >>> found = paired([1.0, 10.0, 100.0], [0.5, 5.0, 50.0])
    >>> round(found.ratio.value, 12), found.less, found.pairs
    (0.5, 3, 3)
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    ratio = Interval(nan, nan, nan)
    if len(first) and (first > 0.0).all() and (second > 0.0).all():
        ratio = bootstrap(second / first, geometric_mean, level=level, seed=seed)
    difference = bootstrap(second - first, level=level, seed=seed)
    return Paired(difference, ratio, int((second < first).sum()), len(first))


def decay(
    time: ArrayLike, values: ArrayLike, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Return the rate r at which the mean over replicas decays as exp(-r t), with an interval from resampling the replicas.

    log of the mean is fitted by least squares, over the records up to the first one that has come near the smallest: within
    a factor of ten of it, or of (first / smallest)^(1/4) if that is less. So a floor, of rounding or noise, does not flatten
    the slope.

    Parameters
    ----------
    time : array, shape (records,)
        Times that all replicas share.
    values : array, shape (replicas, records)
        A metric.

    Returns
    -------
    Interval
        Per unit time; nan when fewer than three records are left.

    Examples
    --------
    >>> t = np.linspace(0.0, 10.0, 11)
    >>> found = decay(t, [np.exp(-t), 2.0 * np.exp(-t)])
    >>> [round(end, 9) for end in found]
    [1.0, 1.0, 1.0]
    """
    t, v = np.asarray(time, dtype=float), np.atleast_2d(np.asarray(values, dtype=float))
    whole = v.mean(axis=0)
    good = np.isfinite(whole) & (whole > 0.0)
    stop = len(whole) if good.all() else int(np.argmin(good))
    if stop:
        smallest = whole[:stop].min()
        near = np.flatnonzero(whole[:stop] <= smallest * min(_FLOOR, (whole[0] / smallest) ** 0.25))
        stop = int(near[0]) + 1
    if stop < 3 or np.ptp(t[:stop]) == 0.0:
        return Interval(nan, nan, nan)
    t, v = t[:stop], v[:, :stop]
    slope = (t - t.mean()) / ((t - t.mean()) ** 2).sum()

    def rate(means: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(-np.log(means) @ slope)

    value = float(rate(v.mean(axis=0)))
    if len(v) < 2:
        return Interval(value, nan, nan)
    rng = np.random.default_rng([seed, len(v)])
    counts = rng.multinomial(len(v), np.full(len(v), 1.0 / len(v)), size=resamples)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = rate(counts @ v / len(v))
    drawn[~np.isfinite(drawn)] = inf  # all replicas drawn were zero at some record
    low, high = np.quantile(drawn, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], method="inverted_cdf")
    return Interval(value, float(low), float(high))

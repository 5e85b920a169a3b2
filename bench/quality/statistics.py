"""From a number a case to a number a row: means, quantiles, and 95 % bootstrap intervals over the cases.

Cases, not frames, are drawn again: the frames of one clip are no independent evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

RESAMPLES = 2000
Interval = tuple[float, float]


def bootstrap(
    values: Sequence[float], statistic: Callable[..., np.ndarray] = np.mean, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """The percentile interval (2.5 %, 97.5 %) of a statistic of `values`.

    Args:
        values: one a case, all finite.
        statistic: of an array along `axis`, as numpy's are.

    Returns:
        (low, high); NaN for fewer than two values.
    """
    if len(values) < 2:
        return math.nan, math.nan
    data = np.asarray(values, np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(data), (resamples, len(data)))
    low, high = np.quantile(statistic(data[drawn], axis=1), (0.025, 0.975))
    return float(low), float(high)


def tenth(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """What nine of ten reach: the lower decile."""
    return np.asarray(np.quantile(values, 0.1, axis=axis))


def finite(values: Sequence[float | None]) -> list[float]:
    """Without those that are undefined."""
    return [float(value) for value in values if value is not None and math.isfinite(value)]


def summarise(cases: Sequence[Mapping[str, float | None]]) -> dict[str, float | list[float] | int]:
    """One row of results.json from the measures of its cases.

    Each measure is given as its mean and, under `<name>_ci95`, the mean's interval; `progress` also as
    `progress_median`, `progress_p10` and `progress_at_least_60` (share of the drags), with intervals.
    """
    row: dict[str, float | list[float] | int] = {"n": len(cases)}
    names = [name for case in cases for name in case]
    for name in dict.fromkeys(names):
        values = finite([case.get(name) for case in cases])
        if not values:
            continue
        row[name] = float(np.mean(values))
        row[f"{name}_ci95"] = list(bootstrap(values))
        if name == "progress":
            reached = [float(value >= 0.6) for value in values]
            row["progress_median"] = float(np.median(values))
            row["progress_median_ci95"] = list(bootstrap(values, np.median))
            row["progress_p10"] = float(tenth(np.asarray(values)))
            row["progress_p10_ci95"] = list(bootstrap(values, tenth))
            row["progress_at_least_60"] = float(np.mean(reached))
    return row


def differences(
    first: Mapping[str, Mapping[str, float | None]], second: Mapping[str, Mapping[str, float | None]], measure: str
) -> dict[str, float]:
    """`first` minus `second` in one measure, for each case that both have."""
    found = {}
    for case in first:
        a, b = first[case].get(measure), second.get(case, {}).get(measure)
        if a is not None and b is not None and math.isfinite(a) and math.isfinite(b):
            found[case] = a - b
    return found

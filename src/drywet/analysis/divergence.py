"""How often training diverged or fell apart on the way, with exact intervals."""

from dataclasses import dataclass

from scipy.stats import binomtest

from drywet.analysis.run_means import RunMeans


@dataclass(frozen=True)
class Rate:
    """How many of ``runs`` did it, with the 95 % Clopper-Pearson interval of the share, in [0, 1]."""

    what: str  # "diverged", or "unstable": rolled back, collapsed or diverged
    factor: str  # empty for all runs together
    level: str
    count: int
    runs: int
    interval: tuple[float, float]

    @property
    def share(self) -> float:
        """The share itself."""
        return self.count / self.runs


def exact_interval(count: int, runs: int) -> tuple[float, float]:
    """95 % Clopper-Pearson interval of a share: never covers less than 95 %, for any number of runs.

    >>> low, high = exact_interval(0, 10)
    >>> low, round(high, 4)
    (0.0, 0.3085)
    """
    found = binomtest(count, runs).proportion_ci(0.95, method="exact")
    return float(found.low), float(found.high)


def rates(means: RunMeans) -> tuple[Rate, ...]:
    """Diverged and unstable runs, of all, then at each level of each factor that varies."""
    found = []
    for what, flags in (("diverged", means.diverged), ("unstable", means.unstable | means.diverged)):
        groups = [("", "", flags)]
        for factor in means.design.varying():
            labels = means.design.factors[factor].levels
            groups += [
                (means.design.factors[factor].name, labels[level], flags[means.design.levels[:, factor] == level])
                for level in means.design.present(factor)
            ]
        for name, level, members in groups:
            count, runs = int(members.sum()), len(members)
            found.append(Rate(what, name, level, count, runs, exact_interval(count, runs)))
    return tuple(found)

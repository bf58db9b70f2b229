"""From the answers of all listeners to conclusions in plain words, each with its number and its interval."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drywet.errors import RunError
from drywet.listening.agreement import Agreement, compare_measures
from drywet.listening.anchors import REFERENCE
from drywet.listening.answers import Answered, Listener, read_answers
from drywet.listening.design import Key, read_key
from drywet.listening.discrimination import MARGIN, Heard, tell_apart, trials_needed
from drywet.listening.ratings import FEWEST, Contrast, Ratings, listeners_needed, rate_conditions
from drywet.listening.screening import screen_listeners
from drywet.listening.webmushra_results import read_results

ENOUGH_DEAF = 14  # listeners of 16 ABX trials, see bench/simulated_listeners.py
ENOUGH_LISTENERS = 20  # after screening: ITU-R BS.1534-3


@dataclass(frozen=True)
class Findings:
    """What a listening test found.

    Attributes
    ----------
    listeners : tuple of str
        Whose answers count.
    failed : tuple of (name, reason)
        Listeners who did not pass the screening.
    unused : tuple of str
        Files that were not used, with the reason.
    ratings : Ratings, optional
        Of a MUSHRA test.
    heard : tuple of Heard
        Of an ABX test, one per model.
    agreement : tuple of Agreement
        Measures against listeners, the best first.
    conclusions, limits : tuple of str
        In words, and what may not be concluded.
    """

    title: str
    kind: str
    listeners: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    unused: tuple[str, ...]
    ratings: Ratings | None
    heard: tuple[Heard, ...]
    agreement: tuple[Agreement, ...]
    conclusions: tuple[str, ...]
    limits: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with the verdicts on each model beside its numbers."""
        heard = [
            {**asdict(each), "is_heard": each.is_heard, "is_not_distinguishable": each.is_not_distinguishable}
            for each in self.heard
        ]
        return {**asdict(self), "heard": heard}


def analyze_answers(folder: Path | str, paths: Sequence[Path | str] = ()) -> Findings:
    """Findings of the test in ``folder`` from the answers in ``paths``, or in ``folder/answers`` unless any are given.

    Raises
    ------
    RunError
        If the folder holds no test, there are no answers, or none can be used; the reasons are in the message.
    """
    key = read_key(folder)
    return find(key, gather(folder, key, paths))


def gather(folder: Path | str, key: Key, paths: Sequence[Path | str] = ()) -> Answered:
    """Answers from drywet's own files and from results of webMUSHRA (``.csv``), as :func:`analyze_answers` takes them."""
    tables = [path for path in paths if Path(path).suffix.lower() == ".csv"]
    own = [path for path in paths if path not in tables]
    parts = [read_answers(folder, key, own)] if own or not tables else []
    parts += [read_results(table, key) for table in tables]
    return Answered.of(
        [listener for part in parts for listener in part.listeners],
        [reason for part in parts for reason in part.unused],
    )


def find(key: Key, answered: Answered) -> Findings:
    """Findings from answers that have been read."""
    kept: tuple[Listener, ...] = answered.listeners
    failed: tuple[tuple[str, str], ...] = ()
    if key.kind == "mushra":
        screened = screen_listeners(kept)
        kept, failed = screened.kept, screened.failed
    if not kept:
        reasons = "; ".join([*answered.unused, *(f"{name} {reason}" for name, reason in failed)])
        raise RunError(f"no answers can be used: {reasons}")
    ratings = rate_conditions(kept, key.conditions, REFERENCE) if key.kind == "mushra" else None
    heard = tell_apart(kept, key.models) if key.kind == "abx" else ()
    agreement = compare_measures(kept, key)
    conclusions = [*_about_ratings(ratings), *map(_about_model, heard), *_about_measures(agreement)]
    return Findings(
        title=key.title,
        kind=key.kind,
        listeners=tuple(listener.name for listener in kept),
        failed=failed,
        unused=answered.unused,
        ratings=ratings,
        heard=heard,
        agreement=agreement,
        conclusions=tuple(conclusions),
        limits=(
            *_limits(key, len(kept)),
            *_limits_of_ratings(ratings, len(kept), len(failed)),
            *_limits_of_agreement(agreement),
        ),
    )


def _about_ratings(ratings: Ratings | None) -> list[str]:
    if ratings is None:
        return []
    said = []
    if ratings.friedman_p is not None:
        differ = "differ" if ratings.friedman_p < 0.05 else "were not shown to differ"
        said.append(f"The models' ratings {differ} (Friedman over listeners, p = {ratings.friedman_p:.3g}).")
    return said + [_about_contrast(contrast) for contrast in ratings.contrasts]


def _about_contrast(contrast: Contrast) -> str:
    verdict = "they differ" if contrast.p_holm < 0.05 else "not shown to differ"
    return (
        f"{contrast.first} less {contrast.second}: {contrast.difference:+.1f} points"
        f"{_interval(contrast.interval, '{:+.1f}')}, {verdict} (Wilcoxon, Holm-adjusted p = {contrast.p_holm:.3g})."
    )


def _about_model(heard: Heard) -> str:
    share = f"{heard.correct} of {heard.trials} right ({100 * heard.share:.0f} %{_interval(heard.interval, '{:.0%}')})"
    sensitivity = "" if heard.d_prime is None else f", d' = {heard.d_prime:.2f}{_d_prime_interval(heard)}"
    bound = f"at most {100 * heard.upper_bound:.0f} % right with 95 % confidence"
    if heard.is_heard and heard.is_not_distinguishable:
        verdict = f"is heard, but hardly: {bound}, below the {100 * MARGIN:.0f} % that count as distinguishable"
    elif heard.is_heard:
        verdict = "is told from the device"
    elif heard.is_not_distinguishable:
        verdict = f"is not distinguishable from the device: {bound}"
    else:
        verdict = (
            f"is undecided: neither heard nor shown to be indistinguishable ({bound}, below {100 * MARGIN:.0f} % is needed; if "
            f"nobody hears a difference, {trials_needed()} trials of one listener or {ENOUGH_DEAF} listeners of 16 show it in "
            "four cases of five)"
        )
    return f"{heard.model} {verdict}. {share}{sensitivity}; guessing gives that with p = {heard.p_holm:.3g}."


def _d_prime_interval(heard: Heard) -> str:
    low, high = heard.d_prime_interval
    return f" [{low or 0:.2f}, {'no bound' if high is None else format(high, '.2f')}]"


def _about_measures(agreement: Sequence[Agreement]) -> list[str]:
    if not agreement:
        return [
            "Which measure agrees with the listeners cannot be said: that needs at least five pairs of model and excerpt."
        ]
    best, esr = agreement[0], next((each for each in agreement if each.measure == "esr"), None)
    said = [
        f"Of the measures, {_correlation(best)} agrees best with the listeners over {best.cells} models and excerpts."
    ]
    if esr is not None and esr is not best:
        said.append(f"{_correlation(esr)} for comparison.")
    return said


def _correlation(agreement: Agreement) -> str:
    interval = _interval(agreement.spearman_interval, "{:.2f}")
    return f"{agreement.label} (Spearman {agreement.spearman:.2f}{interval})"


def _interval(interval: tuple[float, float] | None, form: str) -> str:
    return "" if interval is None else f" [{form.format(interval[0])}, {form.format(interval[1])}]"


def _limits(key: Key, count: int) -> list[str]:
    limits = [
        f"This holds for these {len(key.models)} models and {len(key.items)} excerpts, not for the settings behind the "
        "models: another seed gives another model.",
        f"All sounds were played at {key.loudness_lufs:.1f} LUFS, so a model that is too loud or too quiet was not marked "
        "down for it.",
    ]
    if key.kind == "abx" and count == 1:
        limits.append("These are the ears of one listener, and say nothing about another's.")
    return limits


def _limits_of_ratings(ratings: Ratings | None, count: int, failed: int) -> list[str]:
    if ratings is None:
        return []
    limits = []
    if count < ENOUGH_LISTENERS:
        limits.append(f"{count} listeners passed the screening; ITU-R BS.1534-3 asks for {ENOUGH_LISTENERS} or more.")
    if count < FEWEST:
        limits.append(f"With fewer than {FEWEST} listeners no intervals are given.")
    contrasts = len(ratings.contrasts)
    if count < listeners_needed(contrasts):
        limits.append(
            f"{count} listeners cannot show a difference in {contrasts} comparisons, even if all agree; that takes "
            f"{listeners_needed(contrasts)} or more."
        )
    if failed:
        limits.append(
            f"The screening left out {failed} who may have taken a model for the reference, so models that are very close "
            "look further from it than they are. Whether a difference is heard at all, ABX says."
        )
    return limits


def _limits_of_agreement(agreement: Sequence[Agreement]) -> list[str]:
    if len(agreement) < 2:
        return []
    return [
        "The measure that agrees best was chosen after looking: among a dozen, one does well by luck. The intervals do not "
        "allow for that."
    ]

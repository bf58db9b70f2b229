"""Post-screening: listeners who did not hear what anybody would (ITU-R BS.1534-3, 4.1.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drywet.listening.anchors import MID, REFERENCE
from drywet.listening.answers import Listener

LIMIT = 90  # points
SHARE = 0.15  # of the items


@dataclass(frozen=True)
class Screened:
    """Who stays, and by name and reason who does not."""

    kept: tuple[Listener, ...]
    failed: tuple[tuple[str, str], ...]


def screen_listeners(listeners: Sequence[Listener]) -> Screened:
    """Listeners of a MUSHRA test whose ratings can be used.

    Left out is who rates the hidden reference below 90 on more than 15 % of the items, or the 7 kHz low-pass, where the
    test has one, above 90 on more than 15 %.
    """
    kept, failed = [], []
    for listener in listeners:
        reason = _reason(list(listener.ratings.values()))
        if reason:
            failed.append((listener.name, reason))
        else:
            kept.append(listener)
    return Screened(tuple(kept), tuple(failed))


def _reason(items: Sequence[Mapping[str, float]]) -> str | None:
    missed = sum(ratings[REFERENCE] < LIMIT for ratings in items)
    if missed > SHARE * len(items):
        return f"rated the hidden reference below {LIMIT} on {missed} of {len(items)} items"
    fooled = sum(ratings.get(MID, 0) > LIMIT for ratings in items)
    if fooled > SHARE * len(items):
        return f"rated the 7 kHz low-pass above {LIMIT} on {fooled} of {len(items)} items"
    return None

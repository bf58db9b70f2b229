"""An error-to-signal ratio in words a guitarist can use, no more certain than the evidence is."""

import math

# Upper bound of each band in dB, and what is known about it. The evidence is thin: ESR below about -30 dB tends to be
# inaudible in music, and between -10 and -20 dB it can be either. LSTMs at about 1 % (-20 dB) were rated excellent by
# listeners who could still tell them from the amplifier (Wright et al., Appl. Sci. 2020). The published DS340 study
# heard its models at 1 to 5 % as close, and a preamp's at 15 to 30 % as audibly different.
INAUDIBLE_DB = -30.0
_BANDS = (
    (INAUDIBLE_DB, "tends to be inaudible in music"),
    (-20.0, "very close; differences are hard to hear in a mix, and may show side by side"),
    (-10.0, "can be either, plain to hear or not at all; listen before trusting the number"),
    (0.0, "audibly different from the device"),
)


def decibels(ratio: float) -> float:
    """10 log10 of a ratio of energies; minus infinity at 0.

    >>> decibels(0.01)
    -20.0
    """
    return 10 * math.log10(ratio) if ratio > 0 else -math.inf


def percent(ratio: float) -> str:
    """A ratio in percent with three significant digits, two from 0.1 % down.

    >>> percent(0.0123), percent(0.1234), percent(0.00061), percent(1.5)
    ('1.23 %', '12.3 %', '0.061 %', '150 %')
    """
    value = 100 * ratio
    if not math.isfinite(value):
        return "not finite"
    if value == 0:
        return "0 %"
    digits = 2 if value < 0.1 else 3
    decimals = max(0, digits - 1 - math.floor(math.log10(value)))
    return f"{value:.{decimals}f} %"


def describe_esr(esr: float) -> str:
    """``esr`` (a ratio, not percent) in percent, in dB, and in words.

    >>> describe_esr(0.008)
    '0.800 % (−21 dB): very close; differences are hard to hear in a mix, and may show side by side'
    >>> describe_esr(1.2)
    '120 % (+1 dB): no better than silence, which scores 100 %'
    """
    if math.isnan(esr) or esr < 0:
        return "no score"
    if esr == 0:
        return "0 %: sample for sample the recording itself"
    if math.isinf(esr):
        return "infinite: the prediction left every bound"
    db = decibels(esr)
    words = next((text for bound, text in _BANDS if db < bound), "no better than silence, which scores 100 %")
    return f"{percent(esr)} ({db:+.0f} dB): {words}".replace("(-", "(−")

"""What may be shown of a text that a stranger wrote: a model's name in its file, a key, the name of a file."""

import unicodedata

# Control and format characters, half surrogates, line and paragraph separators: not seen, but they act.
_ACTING = ("Cc", "Cf", "Cs", "Zl", "Zp")


def printable(text: str, keep: str = "") -> str:
    """``text`` with ? for what would steer a terminal or turn the direction of writing round; ``keep`` stays.

    >>> printable("\\x1b[2Jgone")
    '?[2Jgone'
    """
    if text.isprintable():
        return text
    return "".join(sign if sign in keep or unicodedata.category(sign) not in _ACTING else "?" for sign in text)


def one_line(text: str, most: int) -> str:
    """The same, cut to ``most`` characters, on one line.

    >>> one_line("a long\\nname", 8)
    'a long …'
    """
    short = " ".join(text[: 4 * most].split())
    return printable(short if len(short) <= most else f"{short[: most - 1]}…")

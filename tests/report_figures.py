"""Which figures of a report are drawn: most of the time of a report goes into them."""

from contextlib import contextmanager

import pytest

from drywet.files import write_text
from drywet.report.page import Page, Picture

EMPTY = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


@contextmanager
def drawn(is_wanted):
    """Inside, a page draws the figures with a wanted name and has empty pictures for the others."""
    draw = Page.picture

    def sketch(page, name, alt, *_):
        for ending in (".svg", "-narrow.svg", ".pdf"):
            page.written.add(page.out / f"figures/{name}{ending}")
            write_text(page.out / f"figures/{name}{ending}", EMPTY)
        return Picture(name, alt, (1, 1), (1, 1))

    def picture(page, name, *rest):
        return (draw if is_wanted(name) else sketch)(page, name, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Page, "picture", picture)
        yield


def undrawn():
    """Inside, pages have no figures: for tests of everything else."""
    return drawn(lambda name: False)

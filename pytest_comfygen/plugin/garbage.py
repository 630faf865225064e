"""Python looks for garbage among all that is alive, again and again; thousands of images live as long as their run."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_comfygen.plugin.session import Session

__all__ = ["left_alone", "set_aside"]

_MANY = 1000


@contextmanager
def left_alone() -> Iterator[None]:
    """Keep Python from looking for garbage: with thousands of new objects that all stay, it looks again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if not gc.get_freeze_count():  # else somebody has frozen objects, and they must stay so
                gc.freeze()
                gc.unfreeze()  # the new objects count as old without having been walked through
            gc.enable()


def set_aside(session: Session, images: int, *, alone: bool) -> None:
    """Have Python look past what is alive now, where so many images are that it is felt.

    A run of 10 000 images takes an eighth less, and so does collecting them: pytest looks for garbage twice at its
    end, and Python once more just before the process gives everything back anyway.

    :param alone: the run makes nothing but images. Where Python tests run, too, what they find must not change, and
        only Python's own last search is spared.
    """
    if images < _MANY:
        return
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    if alone and not gc.get_freeze_count():
        gc.freeze()
        session.has_frozen = True

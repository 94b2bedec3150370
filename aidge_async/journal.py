"""
What `AidgeClient.journal` tells, by its public names; loaded by who looks into a journal.

Names only.
"""

from aidge_async._core.lifecycle import Entry, State, Transition
from aidge_async._io.journal_view import JournalView

__all__ = ["Entry", "JournalView", "State", "Transition"]

for _public in (Entry, JournalView, State, Transition):
    _public.__module__ = __name__
del _public

"""Cards: issue, change, find, serve and follow them; the names that other rooms use."""

from store.batches import Patch, batch
from store.cardrows import CardView
from store.changes import UNSET, Applied, Change, Changed, apply_change, change, void
from store.diagnosis import Diagnosis, Holder, diagnosis
from store.finding import CardFilter, CardPage, CardRef, find, listing
from store.finding import view_card as view
from store.issuing import Issued, NewCard, issue
from store.phones import by_phone
from store.serving import Installation, Serving, by_install_token, note_cut, note_served, serve
from store.timeline import Timeline, TimelineEntry
from store.timeline import read as timeline

__all__ = [
    "UNSET",
    "Applied",
    "CardFilter",
    "CardPage",
    "CardRef",
    "CardView",
    "Change",
    "Changed",
    "Diagnosis",
    "Holder",
    "Installation",
    "Issued",
    "NewCard",
    "Patch",
    "Serving",
    "Timeline",
    "TimelineEntry",
    "apply_change",
    "batch",
    "by_install_token",
    "by_phone",
    "change",
    "diagnosis",
    "find",
    "issue",
    "listing",
    "note_cut",
    "note_served",
    "serve",
    "timeline",
    "view",
    "void",
]

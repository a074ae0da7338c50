"""Google Wallet as far as rows can say: the names that other rooms use.

A row of ``google_classes`` or ``google_objects`` that is due is the intent to bring it to Google; ``claim`` leases due
rows as whole bodies, ``settle`` writes what became of them. Nothing here speaks to Google. It is made of ``googleobjects``
``googleclaims`` ``googlesettling`` ``googlecallbacks`` ``googlekeys`` ``googletelling``.
"""

from passkit.google.callback import Callback, RootKey
from store.googlecallbacks import apply_callback, is_hurried, reconcile_claim, reconcile_settle, want_check
from store.googleclaims import claim, give_back, renew, waiting_issuers
from store.googlekeys import (
    add_key,
    credentials,
    keys,
    remove_key,
    replace_root_keys,
    root_keys,
    root_keys_read_at,
)
from store.googlekeys import read as read_key
from store.googleobjects import bodies, configure, open_object, status
from store.googlesettling import settle
from store.googletelling import dead, revive, say, unsay
from store.googlework import (
    Bodies,
    Check,
    Checked,
    ClassMessage,
    Dead,
    GoogleStatus,
    Mode,
    Outcome,
    Result,
    ServiceAccount,
    Work,
    lease_name,
)

__all__ = [
    "Bodies",
    "Callback",
    "Check",
    "Checked",
    "ClassMessage",
    "Dead",
    "GoogleStatus",
    "Mode",
    "Outcome",
    "Result",
    "RootKey",
    "ServiceAccount",
    "Work",
    "add_key",
    "apply_callback",
    "bodies",
    "claim",
    "configure",
    "credentials",
    "dead",
    "give_back",
    "is_hurried",
    "keys",
    "lease_name",
    "open_object",
    "read_key",
    "reconcile_claim",
    "reconcile_settle",
    "remove_key",
    "renew",
    "replace_root_keys",
    "revive",
    "root_keys",
    "root_keys_read_at",
    "say",
    "settle",
    "status",
    "unsay",
    "waiting_issuers",
    "want_check",
]

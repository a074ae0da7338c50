"""Phones and their registrations: everything Apple's web service asks of the store, in one place."""

from store.devicelogs import log, recent
from store.listing import Listing, changed
from store.registering import Registered, drop_devices, register, unregister

__all__ = ["Listing", "Registered", "changed", "drop_devices", "log", "recent", "register", "unregister"]

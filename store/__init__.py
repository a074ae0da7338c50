"""store remembers: one operation = one transaction, on SQLite and PostgreSQL alike.

Every operation is a module function: ``db: Database`` first, then what it is about, ``now`` where domain time
matters. What it refuses is a ``store.errors.StoreError`` whose ``code`` is a row of the error catalogue. The map of
the room:

- ``tables``  every table; ``dialect``  open, transactions, ``fetch`` (hot reads), failures; ``keyring``  SECRET at work
- ``migrations``  ``migrate(db)``, ``schema_version(db)``, ``head()``; ``facts``  what must not change under cards
- ``brands`` ``keys`` ``sources``  who may ask; ``certificates`` of brands
- ``templates``  import, publish, export; ``compiled``  revisions ready to fill, cached
- ``cards``  all that is done with cards, made of ``issuing`` ``changes`` ``finding`` ``batches`` ``serving``
- ``events``  the backend's hooks (``sources.deliver``); ``idempotency``  a POST sent twice
- ``registrations``  phones that hold cards, made of ``registering`` ``listing`` ``devicelogs``
- ``served``  completed downloads and lists, written in batches; ``timeline`` and ``diagnosis``  what happened
- ``jobs`` ``claims`` ``settling`` ``leases``  push intents, the outbox that is the queue; ``sweeps``  the daily bounds;
  ``parking``  phones that wait for an operator's word;
  ``upserts``  an INSERT that can say ON CONFLICT
"""

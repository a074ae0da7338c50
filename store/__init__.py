"""store remembers: one operation = one transaction, on SQLite and PostgreSQL alike.

Every operation is a module function: ``db: Database`` first, then what it is about, ``now`` where domain time
matters. What it refuses is a ``store.errors.StoreError`` whose ``code`` is a row of the error catalogue. The map of
the room:

- ``tables``  every table; ``dialect``  open, transactions, ``fetch`` (hot reads), failures; ``keyring``  SECRET at work
- ``migrations``  ``migrate(db)``, ``schema_version(db)``, ``head()``; ``facts``  what must not change under cards
- ``brands`` ``keys`` ``sources``  who may ask; ``certificates``  a request for Apple, its answer taken in, days left
- ``people``  users, roles, sessions, invitations, outlets, employees, workplaces, the audit trail: a facade over small
  modules; ``home``  the numbers of the studio's first page
- ``templates``  import, publish, export; ``compiled``  revisions ready to fill, cached
- ``cards``  all that is done with cards, made of ``issuing`` ``changes`` ``finding`` ``phones`` ``batches`` ``serving``
- ``desk``  a card for a phone, ``showings`` its code on a screen; ``handouts``  who gave which out, ``counting`` what counts,
  ``reports`` the sums; ``cardsearch`` ``words`` ``cardfaces`` ``corrections``  cards for the people who look after them
- ``events``  the backend's hooks (``sources.deliver``); ``idempotency``  a POST sent twice
- ``registrations``  phones that hold cards, made of ``registering`` ``listing`` ``devicelogs``
- ``served``  completed downloads and lists, written in batches; ``timeline`` and ``diagnosis``  what happened
- ``jobs`` ``claims`` ``settling`` ``leases``  push intents, the outbox that is the queue; ``sweeps``  the daily bounds;
  ``platforms``  the wallets, each a route of its own; ``wallets``  who holds what; ``naming``  which card a push is about;
  ``parking``  phones that wait for an operator's word;
  ``upserts``  an INSERT that can say ON CONFLICT
- ``outgoing``  mails and short messages that wait to be sent; ``alarms`` of certificates, ``messaging``  whom they reach
- ``joinlinks``  addresses that give out cards; ``joining``  who gets which; ``consents``  what people agreed to, in which words
- ``google``  all that is done with Google Wallet: rows of classes and objects that are due are its queue. Made of
  ``googleobjects`` (a card's object, a brand's mode) ``googleintents`` ``googlechanges`` (what makes them due)
  ``googlebodies`` ``googlepictures`` ``googlepages`` (what they are to be) ``googleclaims`` ``googlesettling``
  ``googleledger`` ``googlemessages`` (how they go, how often they notify) ``googlecallbacks`` (who has the card)
  ``googlekeys`` (service accounts, root keys) ``googletelling`` ``googlediagnosis`` (refusals, the sentence); ``googlework``
  has the values; ``googlehealth``  how a brand stands
"""

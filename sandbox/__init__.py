"""The outside world on one machine, for the demo and the tests: Apple's push service, Google's Wallet API, phones.

It is an outsider: it knows Apple's documents and nothing of our store, handlers or pushes, so it can disagree with
them. The only thing of ours it uses is ``passkit.preview``, to draw a card's face.

- ``apns``: the push service (``apns_answers`` its table, ``apns_rules`` its scripts, ``apns_connection`` its HTTP/2,
  ``apns_control`` its control API)
- ``google``: the Wallet API (``google_schema`` and ``google_rules`` what it takes, ``google_state`` what it keeps,
  ``google_save`` save links, ``google_callbacks`` telling the issuer, ``google_faults`` its scripts, ``google_control`` its
  control API)
- ``android``: a robot Android phone with Google Wallet (``google_face`` what that shows)
- ``phone``: a robot that does what an iPhone does with a card (``phone_web`` its requests, ``pkpass`` opening and
  verifying, ``lockscreen`` what it shows)
- ``fcm``: Firebase Cloud Messaging; ``relays``: the push relays of Android wallets
- ``page``: the phones page of the demo (``page_texts``, ``webhook``)
"""

"""The outside world on one machine, for the demo and the tests: Apple's push service and phones.

It is an outsider: it knows Apple's documents and nothing of our store, handlers or pushes, so it can disagree with
them. The only thing of ours it uses is ``passkit.preview``, to draw a card's face.

- ``apns``: the push service (``apns_answers`` its table, ``apns_rules`` its scripts, ``apns_connection`` its HTTP/2,
  ``apns_control`` its control API)
- ``phone``: a robot that does what an iPhone does with a card (``phone_web`` its requests, ``pkpass`` opening and
  verifying, ``lockscreen`` what it shows)
- ``page``: the phones page of the demo (``page_texts``, ``webhook``)
"""

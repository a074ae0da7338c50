"""handlers answer: read the request, call one thing, write the answer. No request waits for Apple, Google or Firebase.

- ``routes``      every URL on one page; ``application`` builds the aiohttp application
- ``keys``        what the application is given: database, signers, options, clock
- ``errors``      the one catalogue of errors, as RFC 9457 problems and as pages
- ``middleware``  request ids, access log, measuring, exceptions to answers
- ``guard``       deadlines and limits for connections, which aiohttp lacks; ``listener`` opens the port
- ``addresses``   who is asking, behind trusted proxies; ``limits`` how often strangers may fail
- ``body``        request bodies, bounded
- ``wallet``      Apple's web service; ``install`` the page behind the link; ``hooks`` the loyalty backend's webhooks
- ``api``         the REST interface; ``models`` its shapes; ``openapi`` its description; ``idempotency``
- ``health`` ``metrics``  alive, ready, counted
- ``studio``  where people make, try, publish and hand out cards: a room of its own, its ``__init__`` says how a screen is added
"""

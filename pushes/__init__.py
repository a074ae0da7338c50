"""pushes deliver: intents of the store go out to phones, verdicts come back.

- ``channel``  what every vendor's channel promises; ``verdict`` ``retry`` ``payload`` ``fates``  pure tables and rules
- ``apns``  Apple's channel over our own connection: ``h2push`` and ``h2pool`` around the sans-IO core ``h2core``
- ``apns_aioapns``  the same over aioapns, the fallback
- ``fcm``  Firebase's channel, for the company's own app; ``relays``  those of WalletPasses and PassWallet
- ``google``  Google's Wallet API: who we are and one request; ``googlebring`` which requests; ``googleanswer`` what it says
- ``googleworker``  brings due classes and objects there; ``bucket`` and ``gate`` keep Google's pace
- ``letters``  the worker of mails and short messages; ``mail`` over SMTP, ``gateway`` over HTTP
- ``worker``  claims, sends, settles; ``breaker`` holds a route whose mistakes are ours; ``metrics`` what is counted
"""

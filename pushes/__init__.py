"""pushes deliver: intents of the store go out to phones, verdicts come back.

- ``channel``  what every vendor's channel promises; ``verdict`` ``retry`` ``payload`` ``fates``  pure tables and rules
- ``apns``  Apple's channel over our own connection: ``h2push`` and ``h2pool`` around the sans-IO core ``h2core``
- ``apns_aioapns``  the same over aioapns, the fallback
- ``worker``  claims, sends, settles; ``breaker`` holds a pass type whose mistakes are ours; ``metrics`` what is counted
"""

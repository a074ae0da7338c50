"""Google Wallet without I/O: classes, objects, save links and callbacks.

The map of the room:

- ``types``      Google's seven kinds of pass, and which one a template becomes
- ``objects``    the bodies of classes and objects: ``plan`` and ``kinds`` compile a revision once, ``leaves`` evaluates its
  texts, ``links`` finds addresses in back fields, ``datatypes`` writes Google's, ``owned`` is what a PATCH clears
- ``notify``     the fields whose change Google may announce
- ``loss``       what one of the two wallets cannot show, and what it gets instead
- ``pictures``   a template's pictures in Google's shapes
- ``savelink`` ``callback``   the link that saves a pass, and what Google tells us of saves and deletions
"""

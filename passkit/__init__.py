"""passkit decides: templates in, bytes and values out.

No I/O, no clock, no dice: time, ids and random bytes are arguments. The map of the room:

- ``errors``   the exception tree and ``Problem``, the value that says what is wrong, where, and how to mend it
- ``model``    the values of the domain: brand, card, news, pass, field
- ``schema``   template.yaml validated, with the place and the fix in each error: ``layout`` and ``variables`` are its parts,
  ``schemacheck`` the rules that span keys, ``yamlsafe`` the reader
- ``data``     a card's variables: from JSON to typed values, and to the text a person reads; ``money``, ``formats``
- ``render``   ``compile_revision`` once, ``fill`` per card: ``expressions`` and ``filters`` are what an author may write,
  ``plan`` one language compiled, ``localise`` what is translated so that data never is
- ``change``   editions, what is visible, what rings
- ``limits``   both platforms' limits as data; ``images`` uploads to exact slots; ``pictures`` a revision's, by what a card's
  data chooses, ``stamps`` drawn;  ``preview`` faces of built passes
- ``phones`` ``names``  numbers and names in forms that can be compared; ``typed``  what a person types, as a value and back
- ``links`` ``hooks``  our URLs; Standard Webhooks signatures
- ``apple/``   pass.json, the pkpass bundle, the CMS signature, the web service protocol without HTTP
- ``google/``  classes, objects and save links
"""

"""Apple Wallet without I/O: pass.json, the pkpass, its signature, and the web service's protocol.

- ``document`` ``values`` ``barcodes`` ``passjson``  a filled pass as pass.json and pass.strings
- ``bundle``  the stored zip, its image part prepared once; ``signing`` ``cms``  who signs, and the signature's bytes
- ``credentials`` ``wwdr``  certificates and keys from files of every kind, Apple's intermediate
- ``webservice``  credentials, registrations, update tags and conditional requests, as values
"""

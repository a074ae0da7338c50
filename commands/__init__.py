"""The shell: one file per group of commands, and what they share. Imported by server.py alone.

- ``settings``  every ``PASSBELL_`` setting in one table, parsed by one pure function
- ``cli``       the argument parser and how errors are said: one line, with the fix
- ``shell``     what commands share: the database opened, the brand chosen, a sentence printed
- ``setup`` ``brands`` ``keys`` ``sources``  bring-up, and who may do what
- ``serve``     web and worker processes; ``signers`` keeps their certificates fresh; ``logs`` how they log; ``metricsport``
- ``doctor``    checks everything before the first push; ``phone_check`` acts as an iPhone
- ``demo``      all of it on one machine, with the sandbox
- ``templates`` ``cards`` ``hooks``  the operations of the server from a shell
- ``limited``   files of untrusted origin compiled and decoded in a process with limits
- ``certs`` ``pki``  pass certificates: look-alikes, CSR, import, renewal

Each command file has ``add(subparsers)``; each run function takes the parsed arguments and the settings, and answers
with the exit code: 0 done, 1 refused or problems found, 2 wrong usage or settings.
"""

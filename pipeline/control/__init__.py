"""The control socket: what `sipline show`, `trace` and `user` ask of the server that runs.

place.py (where it is, and who may have the state directory), server.py (the protocol), shows.py (what `show` tells), calls.py (calls:
shown, placed, ended), messages.py (sent, shown), accounts.py (users, also used without a server).

Rule: nothing secret leaves by it: no password, no hash, no key. It is 0600 in a directory that is 0700.
"""

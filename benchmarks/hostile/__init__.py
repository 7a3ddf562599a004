"""What do hostile peers cost the others? Attacks of many kinds on a server, beside honest clients.

    kinds       every kind of attack: its name, what it does, what limits it
    strangers, handshakes, forgers, insiders    how each kind makes its datagrams
    peer        a client made by hand, which is connected and does what it likes
    app         the server under attack, for both APIs; inside: what can be seen of it from within
    clients     the honest clients, and newcomers
    processes, run, table    one measurement in three processes, and its line in the table

`tests/hostile/test_attacks.py` runs the same kinds for a moment, in one process.
"""

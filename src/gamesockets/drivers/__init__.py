"""Who sends and receives datagrams, and when? Sockets, threads and event loops are here and nowhere below."""

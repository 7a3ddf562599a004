"""How does the core meet the real world? Sockets, threads and event loops live here and nowhere below."""

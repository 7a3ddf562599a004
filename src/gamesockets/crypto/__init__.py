"""Keys, ciphers and certificates: who may read, and who may be believed. No sockets, no connection state."""

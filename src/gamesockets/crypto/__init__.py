"""Keys, ciphers and certificates: encryption and authentication, without sockets or connection state."""

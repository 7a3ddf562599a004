"""Log in with a password over HTTP, play with a certificate that lasts an hour."""

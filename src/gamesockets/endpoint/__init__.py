"""One local address, many peers: routing, strangers, challenges, connection ids."""

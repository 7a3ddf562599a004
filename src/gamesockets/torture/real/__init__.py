"""Does the transport keep its promises for hours on real sockets? Two processes talk, and both check what they hear."""

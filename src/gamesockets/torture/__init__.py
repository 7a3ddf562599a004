"""Does the transport keep its promises over years of play? Random lives in simulated networks, checked all the time."""

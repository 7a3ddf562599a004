"""From messages to the plaintext of packets: queues and lanes, what is in flight, what to repeat, how fast."""

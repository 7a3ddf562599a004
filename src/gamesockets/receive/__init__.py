"""From the plaintext of a packet to messages: which packets came, reassembly, the queue the application reads."""

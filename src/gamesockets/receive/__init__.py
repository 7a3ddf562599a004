"""From the plaintext of a packet to messages: which packets came, what to acknowledge, reassembly."""

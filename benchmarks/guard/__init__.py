"""A guard against growing costs that looks at no clock: what a packet and a message cost in counted steps."""

"""Records, names and numbers that every other package may import; nothing here touches the network."""

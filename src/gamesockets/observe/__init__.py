"""What is said of connections: snapshots, status texts, debug output, traces. It looks and changes nothing."""

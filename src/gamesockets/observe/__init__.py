"""What people are shown of connections: snapshots, status texts, debug output, traces."""

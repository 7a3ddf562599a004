"""The object API for game loops: `Client` and `Server`, peers and typed events, on top of the calls with handles."""

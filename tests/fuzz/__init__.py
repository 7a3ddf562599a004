"""Does anything that a peer or a file can contain break a promise? Targets, and engines that search for what does.

A target takes bytes, makes of them what it tries, and raises if a promise is broken. The targets are shared by
hypothesis, by the plain engine of `python -m tests.fuzz`, which needs nothing installed and also runs on the compiled
build, and by atheris, which is guided by coverage. Each target has a corpus of inputs that together reach all it can
reach, and inputs that once found a fault.
"""

"""How do property tests judge a slow machine? Not at all: how long an example takes is no failure."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

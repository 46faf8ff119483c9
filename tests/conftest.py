"""What holds for all tests."""

from hypothesis import settings

# Speed is never asserted, and a busy machine is no failure.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

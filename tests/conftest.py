"""What holds for all tests."""

import os

from hypothesis import HealthCheck, settings

# Speed is never asserted, and a busy machine is no failure.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")

# Commands fold their lines to the terminal; the tests read them as on one of a hundred columns.
os.environ["COLUMNS"] = "100"

"""Destroy content whose time is over, certify what went, and prove that it is gone."""

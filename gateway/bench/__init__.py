"""Measure the gateway on the machine it runs on, each figure beside a plain way of doing the same."""

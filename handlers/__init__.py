"""Decide what a transaction calls for: pure functions from (transaction, facts, day) to a Decision."""

"""Hold law, state profiles and agreements as dated, cited tables, and answer questions about them.

Plain values only: nothing here knows a transaction, a case file or a clock. Every public answer carries a
`rules.Why`, so that a worker can be told which paragraph led to it.
"""

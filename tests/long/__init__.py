"""The long form of the tests against hostile files and many users: ``python -m tests.long``."""

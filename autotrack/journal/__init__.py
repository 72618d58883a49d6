"""The journal: append-only segments of JSON lines, the only truth about a run.

The exact format is in ``docs/format.md``; nothing here imports anything else of autotrack but its errors.
"""

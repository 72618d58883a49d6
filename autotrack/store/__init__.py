"""The index: an SQL database derived from the journals, for finding and reading runs."""

"""The measurements behind `benchmarks/budgets.py`: functions that return rows, by subject."""

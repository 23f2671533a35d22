"""Answers to what entities ask of the host: models and tools, behind budgets, on one event loop."""

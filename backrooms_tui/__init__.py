"""Backrooms Terminal: sealed, durable rooms with one entity in each, seen and driven from a terminal.

Importing the package imports nothing else; every face loads what it needs when it is called.
"""

__version__ = "0.1.0"

"""Settings: their types and defaults, where they come from, and where the product's own files are.

Nothing is read at import; whoever needs settings is handed a `Settings`.
"""

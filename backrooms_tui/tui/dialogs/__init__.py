"""Modal sheets: each is one screen with one widget. Nothing in them is destroyed by one key, or by enter."""

"""Widgets that draw rows; each is one `render_line`, has a fixed size and repaints only lines that changed."""

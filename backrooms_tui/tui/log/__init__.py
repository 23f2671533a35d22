"""The output log: a room's memory as lines on a fixed viewport.

`lines` turns entries into display lines, `window` holds the few thousand of them around the reader, `live` those
not yet durable, `document` is the open room (events in, page requests out, rows for the screen), `finder` walks
through pages after a query, `painter` makes strips, `view` is the widget. Everything but the last two runs without
Textual.
"""

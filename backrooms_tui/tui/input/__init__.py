"""The input box: what the operator types into the entered room.

`drafts` keeps each room's draft and history across restarts, `recall` walks through a history, `pace` tells fingers
from an unbracketed paste; all three run without Textual. `editor` is the text area, `box` the pane around it.
"""

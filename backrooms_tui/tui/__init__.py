"""The console: a full-screen face on `RoomService`, the only part of the product that knows Textual.

Headless cores decide (`rooms_model`, `room_filter`, `tabs`, `actions`, `keymap`, `command_line`, `layout`,
`figures`, `notices`, `view_state`), widgets draw rows of `SafeText` and own nothing, `desk` joins the two.
Threads: one reader (`feed`), a few callers (`calls`); none touches a widget, both speak by message.
Shutdown order: leave every entered room, save the view, stop the callers, stop the reader, restore the terminal,
and only then close the service: that ends callers that still wait in it.
"""

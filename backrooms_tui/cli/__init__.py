"""`room.exe`: the command line. Parses, calls `RoomService`, renders the seed's exact text.

`program` is the entry, `commands` the table of commands, one module for each family of them, `render` turns views
into lines. Nothing here imports Textual, Rich or asyncio; `console` hands over to the console when it is asked for.
"""

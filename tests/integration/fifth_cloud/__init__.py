"""A fifth cloud, made up: what anyone has to write to add one, and a server for it.

`clouds/tidewater.py` and `accounts/tidewater.py` are what would stand in the folders of these names, `texts.json` is
what would be added to the texts.
"""

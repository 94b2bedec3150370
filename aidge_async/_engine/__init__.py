"""
The order of things: what is done when, over the Protocols of `ports.py`.

No socket, no file and no environment comes in here, and nothing of `_io`.
"""

"""
The world: sockets, files, clocks and waiting.

It decides nothing about submissions and knows nothing of `_engine`; each part fulfils a Protocol of `ports.py`.
"""

"""
The sans-IO core: facts, decisions and conversions as plain functions over plain values.

No httpx, no anyio, no clock, no randomness, no files, no environment and no logging may come in here: whatever the
core needs to know is handed to it, and whatever is to be done is returned.
"""

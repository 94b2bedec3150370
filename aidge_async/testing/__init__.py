"""
Tools for testing code that uses this library: virtual time on both event loops.

They stand on the public face and on the sandbox; the library itself never imports them.
"""

"""
Places where this library lives inside something larger; each needs an extra of its own, and none knows another.
"""

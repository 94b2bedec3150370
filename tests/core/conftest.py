"""How the laws of the core are tried."""

import hypothesis

# No deadline: how long one example takes says something about the machine and nothing about the law.
hypothesis.settings.register_profile("core", deadline=None, max_examples=60)
hypothesis.settings.load_profile("core")

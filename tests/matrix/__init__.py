"""
The fault matrix: what the library is put through on purpose, a row each; `python -m tests.scoreboard` prints it.

A row is one test, `test_R05_…`; it states each figure with its bar by the fixture `score`. The counts here fit
`.ci/run`; with AIDGE_MATRIX=full, which `--full` sets, they are those of the table that the bars were set for.
"""

"""
Measurements that README and the docstrings quote: a file a claim, run as `python -m benchmarks.NAME`.

They stand on the public face, name the machine, and print ratios beside a rival of the same run. `python -m benchmarks`
runs them all and writes one table.
"""

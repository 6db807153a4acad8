"""Side-by-side measurements of the course against what else one would use.

Each module is a command, writes one file into ``results/`` and describes
there the machine that it ran on:

- ``python -m benchmarks.throughput``: images per second, against d2l
- ``python -m benchmarks.ladder``: what each step on the way there gains
- ``python -m benchmarks.time_to_accuracy``: seconds and FLOPs to 90.9 %
- ``python -m benchmarks.long_run``: the accuracy of fifteen minutes
- ``python -m benchmarks.screening``: what tricks gain in three minutes
- ``python -m benchmarks.board``: recipes that train for one minute

The recipes, and the search that chose two of them, are in
``benchmarks.recipes``; ``benchmarks.tricks`` has what they may add. Both
sides of a ratio are measured in one run. ``make bench`` runs the first three,
and ``benchmarks.tables`` writes what is recorded into the pages of the book.
"""

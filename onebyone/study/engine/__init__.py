"""The machinery of the studies; what is studied stands in the folder above.

- ``study``: what a study is; ``harness``: what studies on images share
- ``runner``: makes the runs, on a Dask cluster by way of ``cluster``
- ``record``: the CSV of a study
- ``fingerprint``: of the code that decides a result; ``restamp`` finds out
  whether other code gives the same
- ``machine``: where a run was made
"""

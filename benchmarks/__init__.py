"""Speed of chainrule beside other libraries, measured in the same run.

``make bench`` (``python -m benchmarks``) prints one table and writes it as JSON under
``benchmarks/results``; ``python -m benchmarks --smoke`` runs every workload once, tiny
and without the other libraries. In reading order:

``workloads/``     what is computed: small functions, their operations listed
``gradbench/``     the twelve programs of a suite, and a tool that it can run
``workload.py``    what a workload, a peer and a target are
``libraries.py``   how each library computes a gradient of a workload
``measure.py``     checking that all agree, and timing them in turns
``compiled.py``    the same for compiled functions, and for what compiling takes
``handwritten.py`` three gradients by hand in C, which ``c/`` holds
``report.py``      the table, and the file
``command.py``     the command line

``--only kinds`` runs everyday code of several kinds, ``--only "kinds, columns"`` one of
them; a line for each kind gives its mean ratio and its worst.

No fast path of chainrule may know a workload. The ones in ``workloads/held_out.py`` and
``workloads/kinds/`` are there to find out: nothing is tuned on them.
"""

import os

os.environ.setdefault("CHAINRULE_CACHE", "off")  # what compiling takes is measured

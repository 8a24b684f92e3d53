"""``python -m benchmarks``: see ``command.py``."""

import os
import sys

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "NPROC": "1",  # what XLA sizes its pool by: the flags above leave it two threads
}
"""Read by the libraries when they are imported, so it is set before any of them is."""


def main() -> int:
    os.environ.update(ONE_THREAD)
    from benchmarks import command

    return command.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

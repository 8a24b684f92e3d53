"""Rules of linear algebra: solve, inv, det, slogdet, cholesky, norm."""

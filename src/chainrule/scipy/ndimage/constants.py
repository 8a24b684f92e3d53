"""Functions of ``scipy.ndimage`` that are locally constant, or refused."""

import scipy.ndimage

from chainrule.nodes.tables import LOCALLY_CONSTANT, REFUSED

_CONSTANT = """
minimum_position maximum_position label find_objects value_indices histogram
watershed_ift generate_binary_structure iterate_structure
binary_erosion binary_dilation binary_opening binary_closing binary_hit_or_miss
binary_propagation binary_fill_holes
"""
_DISTANCES = """
distance_transform_edt distance_transform_cdt distance_transform_bf
"""
_CALLING = """
generic_filter generic_filter1d generic_laplace generic_gradient_magnitude
vectorized_filter labeled_comprehension
"""

LOCALLY_CONSTANT.update(getattr(scipy.ndimage, name) for name in _CONSTANT.split())
REFUSED.update(
    {
        getattr(scipy.ndimage, name): (
            "which entries are 0 is locally constant, and there is no rule for the "
            "sampling. Pass gd.value of what is a node."
        )
        for name in _DISTANCES.split()
    }
)
REFUSED.update(
    {
        getattr(scipy.ndimage, name): (
            "it calls a function on plain arrays. Write that with NumPy on slices or "
            "on np.lib.stride_tricks.sliding_window_view, or use correlate."
        )
        for name in _CALLING.split()
        if hasattr(scipy.ndimage, name)
    }
)

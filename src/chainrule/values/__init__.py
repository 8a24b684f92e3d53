"""What numbers are here: arrays and their shapes, containers, foreign arrays, versions.

In: whatever a caller passed. Out: leaves, shapes and values that the layers above can
differentiate, or a refusal that says what to write instead.
"""

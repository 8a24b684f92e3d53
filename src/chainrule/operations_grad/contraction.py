"""Rules of products that contract axes: dot, inner, outer, tensordot, einsum."""

"""Operations as text for LLVM."""

import pytest

from chainrule.compiler.native.expressions import operation
from chainrule.compiler.native.operations import ELEMENTWISE
from chainrule.compiler.native.text import WIDTH


@pytest.mark.parametrize("width", [1, WIDTH])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_operation_is_one_block(name, width):
    # a loop around it names the block that it ends in
    lines = operation(name, width).text.splitlines()
    assert not [line for line in lines if line.endswith(":") or "br " in line]

"""The mutants can be made: what they replace is there. `python -m tests.histories.mutants` has them told."""

import pytest

from tests.histories.mutants import MUTANTS, Mutant
from tests.support.processes import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_text_that_a_mutant_replaces_is_there_once(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text().count(mutant.old) == 1
    assert mutant.new != mutant.old

"""The smoke's summary."""

import pytest

import smoke


@pytest.mark.parametrize("seconds, told", [(240, "yes: 4 min 0 s"), (899, "yes: 14 min 59 s"), (900, "no: 15 min 0 s"), (1743, "no: 29 min 3 s")])
def test_the_time_of_the_walk_is_told_and_not_judged(seconds, told):
    passed, name, found = smoke.timely(seconds)
    assert passed is None and name == "it takes under 15 minutes" and found == told

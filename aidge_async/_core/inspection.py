"""
When to look whether something has ended, if its duration's distribution is known: an inspection schedule.

After Barlow and Proschan, "Mathematical Theory of Reliability" (1965), chapter 4.3: each look costs the same, and so
does each second between the end and the look that finds it. Nothing is learned here; the distribution is an argument.
"""

from collections.abc import Sequence
from itertools import accumulate

import attrs

from aidge_async._core.schedule import LEAST_INTERVAL


@attrs.frozen
class Plan:
    """
    Hold the best next look from each point.

    Args:
        following: Per point, the time of the next look after a look at that point found no end.
        cost: Expected cost of all of it, in seconds.
    """

    following: tuple[float, ...]
    cost: float


def best_plan(points: Sequence[float], masses: Sequence[float], look_cost: float) -> Plan:
    """
    Return the plan that minimises `look_cost * looks + delay`, looking at *points* only.

    With F the share ended, M its first moment and V(k) the expected rest of the cost after a look at point k,

        V(k) = min over j, t_j >= t_k + 1, of  look_cost * (1 - F_k) + t_j * (F_j - F_k) - (M_j - M_k) + V(j)

    As a function of F_k each j is a line of slope -t_j. Going down in k the lines come by rising slope and the
    questions by falling F, so a queue of the lower envelope answers all of them in linear time.

    Args:
        points: Rising times in seconds, the first 0; ends beyond the last are not expected.
        masses: Probability of an end between a point and the one before it, the first 0; together 1.
        look_cost: Seconds of delay that one look is worth.
    """
    ended = list(accumulate(masses))
    # Within an interval the end is taken to be in the middle on average.
    middles = (mass * (low + high) / 2 for mass, low, high in zip(masses[1:], points, points[1:], strict=False))
    moments = list(accumulate(middles, initial=0.0))
    last = len(points) - 1
    values = [0.0] * len(points)
    following = [0.0] * len(points)
    following[last] = points[last] + LEAST_INTERVAL
    lines: list[tuple[float, float]] = []  # slope without its sign, which is the time of the look, and height at F = 0
    head, admitted = 0, last
    for k in range(last - 1, -1, -1):
        soonest, share = points[k] + LEAST_INTERVAL, ended[k]
        while points[admitted] >= soonest:
            time = points[admitted]
            height = time * ended[admitted] - moments[admitted] + values[admitted]
            while len(lines) > head + 1 and _hidden(lines[-2], lines[-1], time, height):
                lines.pop()
            lines.append((time, height))
            admitted -= 1
        while head + 1 < len(lines) and _below(lines[head + 1], lines[head], share):
            head += 1
        if lines:
            time, height = lines[head]
        else:  # the last point is nearer than the least interval
            time, height = soonest, soonest * ended[last] - moments[last]
        following[k] = time
        values[k] = look_cost * (1.0 - share) + height - time * share + moments[k]
    return Plan(tuple(following), values[0])


def _hidden(left: tuple[float, float], middle: tuple[float, float], time: float, height: float) -> bool:
    """Return whether *middle* is nowhere below both its neighbours, the right one given by *time* and *height*."""
    return (height - left[1]) * (left[0] - middle[0]) <= (middle[1] - left[1]) * (left[0] - time)


def _below(line: tuple[float, float], other: tuple[float, float], share: float) -> bool:
    return line[1] - line[0] * share <= other[1] - other[0] * share

"""A budget in pictures, in virtual time: what may be billed never exceeds it."""

from typing import Any

import anyio
import pytest

from aidge_async import BudgetError, InvalidInputError, Limits, ModelAlternation, NotSubmitted, SubmissionInDoubtError
from tests.support import Answer, ScriptedGateway, accepted, business

FREE = Limits(submit_rate=None, query_rate=None)


def look(number: int, count: int = 1) -> ModelAlternation:
    """Return a request unlike all others."""
    return ModelAlternation(image=f"https://example.com/{number}.jpg", model="universal_model_1", count=count)


async def test_crowd_does_not_exceed_the_budget() -> None:
    """A hundred submits at once buy as many pictures as the budget covers, to the last one."""
    gateway = ScriptedGateway(submits=[accepted(f"task-{number}") for number in range(100)])
    errors: list[BudgetError] = []

    async with gateway.client(limits=FREE, budget=14) as aidge:

        async def buy(number: int) -> None:
            try:
                await aidge.submit(look(number, 2), key=f"sku-{number}")
            except BudgetError as error:
                errors.append(error)

        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(buy, number)
    assert len(gateway.posted) == 7
    assert len(errors) == 93
    assert {(error.billable, error.resend_safe) for error in errors} == {("no", True)}
    assert "budget of 14 pictures does not cover 2 more: 14 are or may be billed; raise it" in str(errors[0])


@pytest.mark.parametrize(
    ("first", "error", "left"),
    [
        (business("700", "age: unknown value"), InvalidInputError, True),
        (business("500", "system error"), SubmissionInDoubtError, False),
    ],
    ids=["refused", "in doubt"],
)
async def test_what_may_be_billed_counts(first: Answer, error: type[Exception], left: bool) -> None:
    """What was refused costs nothing; what is in doubt may be billed, so it counts."""
    gateway = ScriptedGateway(submits=[first, accepted("task-2")])
    async with gateway.client(limits=FREE, budget=1) as aidge:
        with pytest.raises(error):
            await aidge.submit(look(1))
        if left:
            assert (await aidge.submit(look(2))).task_id == "task-2"
        else:
            with pytest.raises(BudgetError):
                await aidge.submit(look(2))


async def test_batch_stops_drawing_when_the_budget_is_used_up() -> None:
    """Nothing is drawn from a long catalogue after the budget's end, and what was drawn is `NotSubmitted`."""
    gateway = ScriptedGateway(submits=[accepted(f"task-{number}") for number in range(10)])
    drawn: list[int] = []

    def catalogue() -> Any:
        for number in range(10_000):
            drawn.append(number)
            yield look(number)

    async with gateway.client(limits=FREE, budget=3) as aidge, aidge.batch(catalogue()) as outcomes:
        seen = [outcome async for outcome in outcomes]
    unbought = [outcome for outcome in seen if isinstance(outcome, NotSubmitted)]
    assert len(seen) - len(unbought) == 3
    assert any(isinstance(outcome.error, BudgetError) for outcome in unbought)
    assert len(drawn) < 100

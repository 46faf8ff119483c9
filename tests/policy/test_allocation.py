"""Dividing money between orders: to the cent, and never more than an order wants."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from csenet.handlers.policy.allocation import pro_rata

cents = st.integers(1, 1_000_000).map(lambda n: Decimal(n).scaleb(-2))


def test_three_equal_debts_share_a_hundred_dollars() -> None:
    wanted = {name: Decimal("100.00") for name in "ABC"}
    assert pro_rata(Decimal("100.00"), wanted) == [
        ("A", Decimal("33.34")),
        ("B", Decimal("33.33")),
        ("C", Decimal("33.33")),
    ]


@given(wanted=st.lists(cents, min_size=2, max_size=6), part=cents)
def test_nothing_is_lost_and_nobody_gets_more_than_is_owed(wanted: list[Decimal], part: Decimal) -> None:
    total = sum(wanted, Decimal(0))
    money = min(part, total)
    shares = dict(pro_rata(money, {str(n): amount for n, amount in enumerate(wanted)}))
    assert sum(shares.values(), Decimal(0)) == money
    for n, amount in enumerate(wanted):
        assert 0 <= shares[str(n)] <= amount
        assert abs(shares[str(n)] - money * amount / total) <= Decimal("0.01")

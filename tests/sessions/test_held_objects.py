"""Lists and dicts that a handler holds, while others write, and while it uses transactions of its own."""

from collections.abc import Callable
from typing import Any

import pytest

from app.sessions import Session, SessionDataError, SessionManager
from tests.sessions.handles import again, stored

Data = dict[str, Any]


@pytest.fixture
async def session(sessions: SessionManager) -> Session:
    """A session with a list, which was read."""
    session = await sessions.create()
    session["cart"] = [1]
    await session.save()
    return session


async def write_elsewhere(sessions: SessionManager, session: Session) -> None:
    """Have another request change the list, and the session see it."""
    other = await again(sessions, session)
    other["cart"] = [2]
    await other.save()
    await session.reload()


async def test_one_that_newer_data_have_replaced_cannot_be_changed_unnoticed(
    sessions: SessionManager, session: Session
) -> None:
    cart = session["cart"]
    await write_elsewhere(sessions, session)
    cart.append(3)
    with pytest.raises(SessionDataError, match=r"^cart: changed after newer data"):
        await session.save()
    assert await stored(sessions, session) == {"cart": [2]}


@pytest.mark.parametrize("name", ["cart", "former"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["itself", "within"])
async def test_one_that_was_replaced_may_be_set_again_and_changed_before_and_after(
    sessions: SessionManager, session: Session, name: str, wrapped: bool
) -> None:
    cart = session["cart"]
    await write_elsewhere(sessions, session)
    cart.append(3)
    session[name] = [cart] if wrapped else cart
    cart.append(4)
    await session.save()
    cart.append(5)
    await session.save()
    changed = [[1, 3, 4, 5]] if wrapped else [1, 3, 4, 5]
    assert await stored(sessions, session) == {"cart": [2]} | {name: changed}


KEPT: dict[str, Callable[[Data], Any]] = {
    "what was there": lambda data: data["cart"],
    "what was there, changed": lambda data: data["cart"].append(1) or data["cart"],
    "something new": lambda data: data.setdefault("cart", []),
}


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("held", [False, True], ids=["not read", "read before"])
async def test_what_a_transaction_returned_is_the_session_s_and_may_be_changed(
    sessions: SessionManager, session: Session, kept: Callable[[Data], Any], held: bool
) -> None:
    if kept is KEPT["something new"]:
        await session.transact(Data.clear)
    handle = await again(sessions, session)
    if held:
        handle.get("cart")

    cart = await handle.transact(kept)
    cart.append("more")
    assert cart == handle["cart"] or held
    await handle.save()

    assert handle == await stored(sessions, session) == {"cart": cart}
    assert cart[-1] == "more"


async def test_what_a_transaction_was_given_is_the_session_s_like_what_is_assigned(
    sessions: SessionManager, session: Session
) -> None:
    cart: list[int] = []
    await session.transact(lambda data: data.update(cart=cart))
    cart.append(1)
    await session.save()
    assert await stored(sessions, session) == {"cart": [1]}


async def test_of_two_equal_ones_only_one_may_be_changed(
    sessions: SessionManager, session: Session
) -> None:
    held = session["cart"]
    returned = await session.transact(lambda data: data["cart"])
    held.append("held")
    returned.append("returned")
    with pytest.raises(SessionDataError, match=r"^cart: changed after newer data"):
        await session.save()
    assert await stored(sessions, session) == {"cart": [1]}


async def test_what_a_transaction_returned_is_replaced_by_a_later_one(
    sessions: SessionManager, session: Session
) -> None:
    cart = await session.transact(lambda data: data["cart"])
    await session.transact(lambda data: data["cart"].append(2))
    cart.append(3)
    with pytest.raises(SessionDataError, match=r"^cart: changed after newer data"):
        await session.save()


async def test_what_a_transaction_took_out_is_the_handler_s_own(
    sessions: SessionManager, session: Session
) -> None:
    cart = await session.transact(lambda data: data.pop("cart"))
    cart.append(2)
    await session.save()
    assert await stored(sessions, session) == {}


async def test_a_shared_list_stays_where_it_is_when_one_of_its_keys_is_changed(
    sessions: SessionManager, session: Session
) -> None:
    session["same"] = session["cart"]
    await session.transact(lambda data: data["cart"].append(2))
    session["same"].append(3)
    await session.save()
    assert await stored(sessions, session) == {"cart": [1, 2], "same": [1, 3]}


async def test_a_list_that_a_transaction_has_removed_is_the_handler_s_own_from_then_on(
    sessions: SessionManager, session: Session
) -> None:
    cart = session["cart"]
    await session.transact(lambda data: data.pop("cart"))
    cart.append(2)
    session["name"] = "ann"
    await session.save()
    assert await stored(sessions, session) == {"name": "ann"}

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
    with pytest.raises(
        SessionDataError,
        match=r"^cart: changed after newer data.*read it .* again before changing it$",
    ) as refused:
        await session.save()
    assert refused.value.path == "cart"
    assert await stored(sessions, session) == {"cart": [2]}


WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda value: value,
    "in a list": lambda value: [value, 0],
    "in a dict": lambda value: {"within": value, "more": 0},
}


@pytest.mark.parametrize("name", ["cart", "former"])
@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
async def test_one_that_was_replaced_may_be_set_again_and_changed_before_and_after(
    sessions: SessionManager, session: Session, name: str, wrap: Callable[[Any], Any]
) -> None:
    cart = session["cart"]
    await write_elsewhere(sessions, session)
    cart.append(3)
    session[name] = wrap(cart)
    cart.append(4)
    await session.save()
    cart.append(5)
    await session.save()
    assert await stored(sessions, session) == {"cart": [2]} | {name: wrap([1, 3, 4, 5])}


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


async def test_when_one_of_two_equal_ones_was_changed_the_other_can_be_changed_no_more(
    sessions: SessionManager, session: Session
) -> None:
    held = session["cart"]
    returned = await session.transact(lambda data: data["cart"])
    returned.append("returned")
    await session.save()
    held.append("held")
    with pytest.raises(SessionDataError, match=r"^cart: changed after newer data"):
        await session.save()
    assert await stored(sessions, session) == {"cart": [1, "returned"]}


async def test_of_several_that_were_replaced_none_can_be_changed_unnoticed(
    sessions: SessionManager, session: Session
) -> None:
    session["list"] = [1]
    await session.save()
    held = session["list"]
    other = await again(sessions, session)
    await other.transact(lambda data: data.update(cart=[2], list=[2]))
    await session.reload()
    held.append(3)
    with pytest.raises(SessionDataError, match=r"^list: changed after newer data"):
        await session.save()


@pytest.mark.parametrize("way", ["reload", "transact"])
async def test_values_that_nobody_can_hold_take_no_room_of_lists_that_somebody_does(
    sessions: SessionManager, session: Session, way: str
) -> None:
    await session.transact(lambda data: data.update({f"text {n}": f"{n}" for n in range(150)}))
    session = await again(sessions, session)
    cart = session["cart"]
    if way == "reload":
        other = await again(sessions, session)
        await other.transact(lambda data: data.update(dict.fromkeys(data, "new")))
        await session.reload()
    else:
        cart, held = await session.transact(lambda data: data["cart"]), cart
        assert cart is not held
    cart.append(2)
    if way == "reload":
        with pytest.raises(SessionDataError, match=r"^cart: changed after newer data"):
            await session.save()
    else:
        await session.save()
        assert (await stored(sessions, session))["cart"] == [1, 2]


async def test_lists_that_a_transaction_brings_take_no_room_of_one_that_was_replaced(
    sessions: SessionManager, session: Session
) -> None:
    cart = session["cart"]
    await write_elsewhere(sessions, session)
    await session.transact(lambda data: data.update({f"list {n}": [] for n in range(150)}))
    cart.append(3)
    with pytest.raises(SessionDataError, match=r"^cart: changed after newer data"):
        await session.save()


async def test_one_whose_key_nobody_else_has_changed_stays_the_one_that_is_stored(
    sessions: SessionManager, session: Session
) -> None:
    cart = session["cart"]
    other = await again(sessions, session)
    await other.transact(lambda data: data.update(name="ann"))
    await session.reload()
    assert session["cart"] is cart
    await session.transact(lambda data: data.update(name="eve"))
    assert session["cart"] is cart


async def test_one_that_holds_itself_is_refused_as_ever_when_another_was_replaced(
    sessions: SessionManager, session: Session
) -> None:
    await write_elsewhere(sessions, session)
    session["cart"].append(session["cart"])
    with pytest.raises(SessionDataError):
        await session.save()


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

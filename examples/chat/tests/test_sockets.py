"""What sockets are told, over two nodes on one Valkey, with the worker beside them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import socketio
from conftest import Nodes, eventually
from device import Device

Story = Callable[[Nodes], Coroutine[Any, Any, None]]


def on_nodes(story: Story) -> Callable[[Nodes], None]:
    """Make a test of a coroutine function; it needs no plugin of pytest."""

    def test(nodes: Nodes) -> None:
        asyncio.run(asyncio.wait_for(story(nodes), 30))

    test.__name__, test.__doc__ = story.__name__, story.__doc__
    return test


@on_nodes
async def test_what_one_says_all_members_receive_once_in_order_on_both_nodes(nodes: Nodes) -> None:
    async with Device(nodes.urls[0], "ann1") as ann, Device(nodes.urls[1], "bob1") as bob:
        acks = [await (ann, bob)[turn % 2].say(f"line {turn}") for turn in range(20)]

        numbers = [ack["number"] for ack in acks]
        assert numbers == list(range(numbers[0], numbers[0] + 20))
        for device in (ann, bob):
            await device.receives("message", lambda each: each["text"] == "line 19")
            got = sorted(each["number"] for each in device.named("message"))
            assert got == numbers


@on_nodes
async def test_what_is_repeated_is_there_once(nodes: Nodes) -> None:
    async with Device(nodes.urls[0], "ann2") as ann, Device(nodes.urls[1], "bob2") as bob:
        first = await ann.say("once", draft="draft-repeated")
        assert await ann.say("once", draft="draft-repeated") == first
        assert "error" in await ann.say("something else", draft="draft-repeated")
        # From another device of hers: the session does not know the id, the history does.
        async with Device(nodes.urls[1], "ann2") as other:
            assert await other.say("once", draft="draft-repeated") == first
        await bob.receives("message", lambda each: each["draft"] == "draft-repeated")
        assert (await bob.texts()).count("once") == 1


@on_nodes
async def test_who_is_no_member_neither_speaks_nor_hears(nodes: Nodes) -> None:
    async with Device(nodes.urls[0], "ann3") as ann, Device(nodes.urls[1], "bob3") as bob:
        await ann.http.post("/channels", json={"name": "secret3"})
        await bob.receives("channel", lambda each: each["name"] == "secret3")
        assert (await bob.say("let me in", "secret3"))["error"]["type"] == "not-a-member"
        assert (await bob.socket.call("typing", "secret3"))["error"]["type"] == "not-a-member"
        await ann.say("hush", "secret3")
        await ann.say("done")
        await bob.receives("message", lambda each: each["text"] == "done")
        assert not [each for each in bob.named("message") if each["channel"] == "secret3"]

        await bob.http.put("/channels/secret3/members/me")

        await ann.receives("membership", lambda each: each["name"] == "bob3")
        await ann.say("welcome", "secret3")
        await bob.receives("message", lambda each: each["text"] == "welcome")


@on_nodes
async def test_one_types_and_the_others_see_it(nodes: Nodes) -> None:
    async with Device(nodes.urls[0], "ann4") as ann, Device(nodes.urls[1], "bob4") as bob:
        await ann.socket.emit("typing", "general")
        assert (await bob.receives("typing")) == {"channel": "general", "name": "ann4"}
        await ann.socket.call("read", {"channel": "general", "number": 0})
        assert ann.named("typing") == []


@on_nodes
async def test_who_comes_and_goes_is_told_to_all(nodes: Nodes) -> None:
    async with Device(nodes.urls[0], "ann5") as ann:
        async with Device(nodes.urls[1], "bob5"):
            await ann.receives("presence", lambda each: each == {"name": "bob5", "online": True})
            await ann.receives("membership", lambda each: each["name"] == "bob5")
            people = {each["name"]: each for each in (await ann.http.get("/people")).json()}
            assert people["bob5"]["online"]
        await ann.receives("presence", lambda each: each == {"name": "bob5", "online": False})
        people = {each["name"]: each for each in (await ann.http.get("/people")).json()}
        assert not people["bob5"]["online"]


@on_nodes
async def test_what_was_read_on_one_device_is_read_on_all(nodes: Nodes) -> None:
    async with (
        Device(nodes.urls[0], "ann6") as ann,
        Device(nodes.urls[0], "bob6") as phone,
        Device(nodes.urls[1], "bob6") as laptop,
    ):
        number = (await ann.say("news"))["number"]
        await laptop.receives("message", lambda each: each["number"] == number)

        async def unread() -> int:
            found = (await laptop.http.get("/channels")).json()
            [general] = [each for each in found if each["name"] == "general"]
            return general["last"] - general["read"]

        assert await unread() == 1
        mark = {"channel": "general", "number": number}
        await phone.socket.call("read", mark)
        assert await laptop.receives("read") == mark
        assert await unread() == 0
        for wrong in (number - 1, number + 100):
            await phone.socket.call("read", {"channel": "general", "number": wrong})
        assert await unread() == 0
        assert ann.named("read") == []


@on_nodes
async def test_who_was_offline_finds_in_the_history_what_came_meanwhile(nodes: Nodes) -> None:
    async with Device(nodes.urls[0], "ann7") as ann, Device(nodes.urls[1], "bob7") as bob:
        seen = (await ann.say("before"))["number"]
        await bob.receives("message", lambda each: each["number"] == seen)
        await bob.socket.disconnect()
        for number in range(5):
            await ann.say(f"meanwhile {number}")

        await bob.connect(nodes.urls[0])

        assert await bob.texts(after=seen) == [f"meanwhile {number}" for number in range(5)]
        last = (await ann.say("after"))["number"]
        assert last == seen + 6
        await bob.receives("message", lambda each: each["number"] == last)


@on_nodes
async def test_who_is_kicked_is_told_and_hears_no_more(nodes: Nodes) -> None:
    async with (
        Device(nodes.urls[0], "captain") as captain,
        Device(nodes.urls[1], "bob8") as bob,
        Device(nodes.urls[0], "bob8") as other,
    ):
        await captain.http.post("/channels", json={"name": "deck8"})
        await bob.http.put("/channels/deck8/members/me")
        await captain.http.delete("/channels/deck8/members/bob8")
        for device in (bob, other):
            told = await device.receives("membership", lambda each: not each["joined"])
            assert told == {"channel": "deck8", "name": "bob8", "joined": False, "by": "captain"}
        await captain.say("among us", "deck8")
        await captain.say("to all")
        for device in (bob, other):
            await device.receives("message", lambda each: each["text"] == "to all")
            assert not [each for each in device.named("message") if each["channel"] == "deck8"]
        assert (await bob.say("hello?", "deck8"))["error"]["type"] == "not-a-member"


@on_nodes
async def test_who_is_banned_is_out_on_all_devices_and_nodes(nodes: Nodes) -> None:
    async with (
        Device(nodes.urls[0], "captain") as captain,
        Device(nodes.urls[1], "bob9") as bob,
        Device(nodes.urls[0], "bob9") as other,
    ):
        assert (await captain.http.put("/people/bob9/ban")).status_code == 204
        for device in (bob, other):
            assert await device.receives("session ended") == {"reason": "revoked"}
            await eventually(lambda device=device: not device.socket.connected)
            assert (await device.sign_in()).json()["type"] == "banned"
            with pytest.raises(socketio.exceptions.ConnectionError):
                await device.connect()
            await eventually(lambda device=device: device.refused)
            assert device.refused["data"]["type"] == "sign-in-required"


@on_nodes
async def test_the_worker_says_what_is_due(nodes: Nodes) -> None:
    async with Device(nodes.urls[0], "ann10") as ann, Device(nodes.urls[1], "bob10") as bob:
        wanted = {"text": "tea is ready", "seconds": 1}
        answer = await ann.http.post("/channels/general/reminders", json=wanted)
        assert answer.status_code == 204
        for device in (ann, bob):
            said = await device.receives("message", lambda each: each["text"] == "tea is ready")
            assert (said["kind"], said["author"]) == ("reminder", "ann10")
        assert (await bob.texts()).count("tea is ready") == 1


@on_nodes
async def test_a_node_that_is_killed_takes_no_message_with_it(nodes: Nodes) -> None:
    """The last test: it kills the second node."""
    async with Device(nodes.urls[0], "ann12") as ann, Device(nodes.urls[1], "bob12") as bob:
        seen = (await ann.say("all is well"))["number"]
        await bob.receives("message", lambda each: each["number"] == seen)
        nodes.processes[1].kill()
        await eventually(lambda: not bob.socket.connected)
        await ann.say("the second node is gone")
        bob.http.base_url = nodes.urls[0]

        await bob.connect(nodes.urls[0])

        assert await bob.texts(after=seen) == ["the second node is gone"]
        draft = await bob.say("here I am")
        await ann.receives("message", lambda each: each["number"] == draft["number"])

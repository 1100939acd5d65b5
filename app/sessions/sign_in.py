"""Who is signed in to a session, since when and from where: what a record keeps as its owner."""

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from ..article import kind_of
from .errors import SignedInAlreadyError
from .ids import oidc_name, user_name
from .models import Record

MAX_USER_LENGTH = 256
MAX_LABEL_LENGTH = 200


class OidcSession(NamedTuple):
    """The session at an OpenID Connect provider that a session here came of.

    Attributes:
        issuer: the provider.
        subject: its id of the user.
        sid: its id of the session there; None where it has none.
    """

    issuer: str
    subject: str
    sid: str | None = None


class SignIn(NamedTuple):
    """A sign-in.

    Attributes:
        user: the application's own id of a person.
        at: when, in seconds since the epoch by the store's clock.
        label: what a list of devices calls the client.
        address: the client's address, None if none is kept.
        oidc: where the sign-in came from, for back-channel logout.
        remembered: the session has a lifetime of its own, and does not end for want of use.
    """

    user: str
    at: float
    label: str | None = None
    address: str | None = None
    oidc: OidcSession | None = None
    remembered: bool = False

    def pack(self) -> str:
        """Return it as what a store keeps as the owner of a record."""
        members = {"u": self.user, "t": round(self.at, 6), "l": self.label, "a": self.address}
        members |= {"o": None if self.oidc is None else list(self.oidc)}
        members |= {"r": self.remembered or None}
        given = {name: value for name, value in members.items() if value is not None}
        return orjson.dumps(given).decode()


@lru_cache(maxsize=4096)
def unpack(owner: str | None) -> SignIn | None:
    """Return the sign-in that an owner stands for; None for a session without a user.

    An owner that is no sign-in (of a store's own making) is the user's id, signed in long ago.
    """
    if owner is None:
        return None
    try:
        members: Any = orjson.loads(owner)
        oidc = members.get("o")
        return SignIn(
            members["u"],
            float(members["t"]),
            members.get("l"),
            members.get("a"),
            None if oidc is None else OidcSession(*oidc),
            bool(members.get("r", False)),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return SignIn(owner, 0.0)


def sign_in_to(
    record: Record, *, sign_in: SignIn, client: str | None = None, absolute: float | None = None
) -> Record:
    """Return a record as it is after a sign-in, by the store's clock as last read; see `with_time`.

    A second one of the same user keeps what it does not say: the label, the provider's session, by which a
    logout there finds this one, and a lifetime of its own. `client` is the label of one that never had any.

    Raises:
        SignedInAlreadyError: it is another user's.
    """
    before = unpack(record.owner)
    if before is not None:
        if before.user != sign_in.user:
            raise SignedInAlreadyError
        sign_in = sign_in._replace(
            label=sign_in.label or before.label,
            oidc=sign_in.oidc or before.oidc,
            remembered=sign_in.remembered or before.remembered,
        )
    sign_in = sign_in._replace(label=sign_in.label or client)
    now = time.time() if record.lease is None else record.lease.now
    until = record.absolute_at if absolute is None else now + absolute
    return record._replace(owner=sign_in._replace(at=now).pack(), absolute_at=until)


def with_time(record: Record, at: float, *, absolute: float | None = None) -> Record:
    """Return a record whose user has signed in at a time, from which `absolute` counts.

    The same if nobody has.
    """
    sign_in = unpack(record.owner)
    if sign_in is None:
        return record
    until = record.absolute_at if absolute is None else at + absolute
    return record._replace(owner=sign_in._replace(at=at).pack(), absolute_at=until)


def user_of(owner: str | None) -> str | None:
    """Return the user of a record's owner, or None."""
    sign_in = unpack(owner)
    return None if sign_in is None else sign_in.user


def index_names(owner: str | None) -> list[str]:
    """Return the names under which an index has a session with that owner."""
    sign_in = unpack(owner)
    if sign_in is None:
        return []
    names, oidc = [user_name(sign_in.user)], sign_in.oidc
    if oidc is not None:
        names.append(oidc_name("sub", oidc.issuer, oidc.subject))
        if oidc.sid is not None:
            names.append(oidc_name("sid", oidc.issuer, oidc.sid))
    return names


def check_user(user: object) -> str:
    """Return a user's id.

    Raises:
        TypeError: it is no string: `"7"` and `7` would be two users.
        ValueError: it is empty, too long or has characters that UTF-8 does not have.
    """
    if not isinstance(user, str):
        raise TypeError(f"a user's id is a string, not {kind_of(user)}: use str(...)")
    if not 0 < len(user) <= MAX_USER_LENGTH or not is_unicode(user):
        raise ValueError(f"a user's id has 1 to {MAX_USER_LENGTH} characters of Unicode")
    return user


def check_label(label: object) -> str | None:
    """Return a label, or None; raise TypeError or ValueError if it is none."""
    if label is None:
        return None
    if not isinstance(label, str):
        raise TypeError(f"a label is a string, not {kind_of(label)}")
    if len(label) > MAX_LABEL_LENGTH or not is_unicode(label):
        raise ValueError(f"a label has at most {MAX_LABEL_LENGTH} characters of Unicode")
    return label


def oidc_session(claims: Mapping[str, Any]) -> OidcSession:
    """Return the provider's session that the claims of an ID token name.

    Args:
        claims: with `iss` and `sub`, and perhaps `sid`, all strings (OpenID Connect Core 1.0, 2).

    Raises:
        ValueError: one is missing, or no string.
    """
    issuer, subject = (_claim(claims, name) for name in ("iss", "sub"))
    if issuer is None or subject is None:
        raise ValueError("oidc takes the claims of an ID token: `iss`, `sub` and perhaps `sid`")
    return OidcSession(issuer, subject, _claim(claims, "sid"))


def _claim(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is None or (isinstance(value, str) and is_unicode(value)):
        return value
    raise ValueError(f"oidc: the claim `{name}` is no string of Unicode")


def is_unicode(text: str) -> bool:
    """Return False for a string with surrogates, which UTF-8 does not have: JSON's escapes can make them."""
    return text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text)

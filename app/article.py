"""What messages call a value: `an int`, `a str`."""


def kind_of(value: object) -> str:
    """Return the name of a value's type, with its article."""
    return with_article(type(value))


def with_article(kind: type) -> str:
    """Return the name of a type, with its article."""
    name = kind.__name__
    return f"an {name}" if name[:1] in "AEIOaeio" else f"a {name}"

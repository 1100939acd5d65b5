"""What messages call a value: `an int`, `a str`."""


def kind_of(value: object) -> str:
    """Return the name of a value's type, with its article."""
    name = type(value).__name__
    return f"an {name}" if name[:1] in "AEIOaeio" else f"a {name}"

"""Whether a mutant does nothing but to write a text for people in another way."""

import ast


def only_texts_differ(was: str, becomes: str) -> bool:
    """Return whether two functions differ only in the case of texts for people, or in marks around these.

    Such a text has several words, and goes to an error or a log line. It may change at any time, but is to
    stay one: `None` in its place is another function.
    """
    return was != becomes and _without_texts(was) == _without_texts(becomes)


def _without_texts(source: str) -> str:
    return ast.dump(_Texts().visit(ast.parse(source)))


class _Texts(ast.NodeTransformer):
    """Writes each text for people as all of mutmut's mutants of it would be written."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if _is_for_people(node.func):
            node.args = [_plain(each) for each in node.args]
        return node


def _is_for_people(called: ast.expr) -> bool:
    """Return whether what is called is an error, or writes a log line."""
    if isinstance(called, ast.Attribute):
        return isinstance(called.value, ast.Name) and called.value.id == "logger"
    return isinstance(called, ast.Name) and called.id.endswith("Error")


def _plain(argument: ast.expr) -> ast.expr:
    if (
        isinstance(argument, ast.Constant)
        and isinstance(argument.value, str)
        and " " in argument.value
    ):
        return ast.Constant(argument.value.replace("XX", "").casefold())
    return argument

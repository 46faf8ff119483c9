"""Turn the conditions of the edit table into Python expressions, once, when checks are compiled.

`when` is a condition over fields, in a few words of Python: names of the block's own fields, `block.field`
for the header or a block that comes once, a block's name alone; `and or not`, comparisons with constants and
with each other. A bare name asks whether it is filled. Comparing a blank field for order is false.

`must` is one word, perhaps with an argument, about the field itself. Only `filled` minds a blank field.
Anything else in either column is refused: the table is data, and can do nothing but compare.
"""

import ast
from collections.abc import Mapping
from types import MappingProxyType

from csenet.codecs.edits import EditError, holds_text, layouts_of
from csenet.codecs.layout import Field
from csenet.codecs.model import BLOCKS, REPEATING

_ORDER = (ast.Gt, ast.GtE, ast.Lt, ast.LtE)
_SIGNS: Mapping[type[ast.cmpop], str] = MappingProxyType(
    {
        ast.Eq: "==",
        ast.NotEq: "!=",
        ast.Gt: ">",
        ast.GtE: ">=",
        ast.Lt: "<",
        ast.LtE: "<=",
        ast.In: "in",
        ast.NotIn: "not in",
    }
)

MUST: Mapping[str, str] = MappingProxyType(
    {
        "filled": "not {filled}",
        "blank": "{filled}",
        "never": "True",
        "jurisdiction": "{it} and {it} not in JURISDICTIONS",
        "office": "{it} and {it}[:2] not in JURISDICTIONS",
        "place": "{it} and {it} not in PLACES",
        "state": "{it} and {it} not in STATES",
        "county": "{it} and {arg} and {arg} + {it} not in COUNTIES and unknown_county({arg}, {it})",
        "not_zero": "{it} and not {it}.strip('0 ')",
        "no_first_blank": "{it} and {it}[0] == ' '",
        "no_stars": "{it} and ('*' in {it} or '\\\\' in {it})",
        "equals": "{it} and {it} != {text!r}",
        "digits": "{it} and len({it}) != {text}",
        "between": "{it} and not {text!r} <= {it} <= {last!r}",
        "past": "{it} is not None and {it} >= today",
        "not_future": "{it} is not None and {it} > today",
        "after": "{it} is not None and {arg} is not None and {it} <= {arg}",
        "not_before": "{it} is not None and {arg} is not None and {it} < {arg}",
        "not_negative": "{it} is not None and {it} < 0",
    }
)
"""What violates each demand; `it` is the field, `arg` another one, `text` a constant."""

_TAKES_FIELD = frozenset(("county", "after", "not_before"))


class Scope:
    """Know the names a row may use: the fields of its block as `record`, and of the others."""

    def __init__(self, block: str, record: str) -> None:
        """Take the block of the row and the name its record has in the generated code."""
        self.block = block
        self.record = record
        self._fields = _fields(block)
        if block == "error":
            self._fields |= {"serial": None, "description": None}

    def own(self, name: str) -> str:
        """Return what reads one of the block's own fields."""
        if name not in self._fields:
            raise EditError(f"{self.block} has no field {name}")
        return f"{self.record}.{name}"

    def filled(self, name: str) -> str:
        """Return what tells whether one of the block's own fields is filled."""
        return _filled(self.own(name), self._fields[name])

    def other(self, block: str, name: str) -> tuple[str, Field | None]:
        """Return what reads a field of the header or of a block that comes once, and the field."""
        if block in REPEATING or block not in ("header", *BLOCKS) or name not in _fields(block):
            raise EditError(f"{block}.{name} cannot be asked for")
        if block == "header":
            return f"h.{name}", _fields(block)[name]
        return f"(tx.{block} and tx.{block}.{name})", _fields(block)[name]


def _fields(block: str) -> dict[str, Field | None]:
    return {field.name: field for layout in layouts_of(block) for field in layout.fields}


def _filled(source: str, field: Field | None) -> str:
    return source if field is None or holds_text(field) else f"({source} is not None)"


def violation(must: str, field: str, scope: Scope) -> str:
    """Write the expression that is true when a field violates a demand."""
    word, *arguments = must.split()
    if word not in MUST:
        raise EditError(f"unknown demand {word}")
    first, last = (*arguments, "", "")[:2]
    return MUST[word].format(
        it=scope.own(field),
        filled=scope.filled(field),
        arg=scope.own(first) if word in _TAKES_FIELD else "",
        text=first,
        last=last,
    )


def condition(when: str, scope: Scope) -> str:
    """Write the expression of a condition; EditError for anything the language does not have."""
    try:
        tree = ast.parse(when.strip(), mode="eval").body
    except SyntaxError:
        raise EditError(f"cannot be read: {when}") from None
    return _boolean(tree, scope)


def _boolean(node: ast.expr, scope: Scope) -> str:
    match node:
        case ast.BoolOp(op=op, values=values):
            word = " and " if isinstance(op, ast.And) else " or "
            return "(" + word.join(_boolean(each, scope) for each in values) + ")"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return f"(not {_boolean(operand, scope)})"
        case ast.Name(id=name):
            return f"tx.{name}" if name in BLOCKS else scope.filled(name)
        case ast.Attribute(value=ast.Name(id=block), attr=name):
            return _filled(*scope.other(block, name))
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _SIGNS:
            return _compare(left, sign, right, scope)
    raise EditError(f"not part of the language: {ast.unparse(node)}")


def _compare(left: ast.expr, sign: ast.cmpop, right: ast.expr, scope: Scope) -> str:
    sources = [_value(side, scope) for side in (left, right)]
    guards = "".join(
        f"{source} is not None and "
        for side, source in zip((left, right), sources, strict=True)
        if isinstance(sign, _ORDER) and not isinstance(side, ast.Constant)
    )
    return f"({guards}{sources[0]} {_SIGNS[type(sign)]} {sources[1]})"


def _value(node: ast.expr, scope: Scope) -> str:
    match node:
        case ast.Name(id=name):
            return scope.own(name)
        case ast.Attribute(value=ast.Name(id=block), attr=name):
            return scope.other(block, name)[0]
        case ast.Constant(value=str() | int()):
            return ast.unparse(node)
        case ast.Tuple(elts=elements) if all(isinstance(each, ast.Constant) for each in elements):
            return ast.unparse(node)
    raise EditError(f"not part of the language: {ast.unparse(node)}")

"""Prints the public names of an installed `openai_codex`, one a line, sorted.

    python3 surface.py FOLDER

FOLDER holds the package `openai_codex`. Its sources are read, not run, so that none of what it
depends on has to be there. These are the kinds of lines:

    TurnResult               a name that the package exports
    TurnResult.items         a method, a field, a property, a member of an enum
    Thread.read(include)     a parameter of a method, of a function, of a class
    types.Turn               a name that its module `types` exports

Of the types in `types`, those that the package generates from the runtime's schema have no lines of
their own for what is in them: this repository generates its own from the same schema.
"""

import ast
import sys
from pathlib import Path

# With these a class can be used in a `with`.
CONTEXT = {"__enter__", "__exit__", "__aenter__", "__aexit__"}


class Module:
    """A module, and what is defined in it or imported into it."""

    def __init__(self, path):
        self.path = path
        self.names = {}
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                for alias in node.names:
                    self.names[alias.asname or alias.name] = (node.module, alias.name)
            elif isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                self.names[node.name] = node
            elif isinstance(node, ast.Assign):
                self.names.update({target.id: node for target in node.targets})
            elif isinstance(node, ast.AnnAssign):
                self.names[node.target.id] = node

    def exports(self):
        return ast.literal_eval(self.names["__all__"].value)

    def find(self, name):
        """Where a name is defined, and its definition; (None, None) outside of the package."""
        found = self.names.get(name)
        if not isinstance(found, tuple):
            return (self, found) if found else (None, None)
        module, name = found
        file = self.path.parent.joinpath(*module.split(".")).with_suffix(".py")
        return Module(file).find(name)


def is_public(name):
    return not name.startswith("_") or name in CONTEXT


def parameters(function):
    """The names of the parameters, without `self`."""
    every = function.args
    names = [arg.arg for arg in every.posonlyargs + every.args + every.kwonlyargs]
    names += [arg.arg for arg in (every.vararg, every.kwarg) if arg]
    return [name for name in names if name != "self"]


def callable_lines(owner, function):
    return {owner, *(f"{owner}({name})" for name in parameters(function) if is_public(name))}


def assigned(init):
    """The fields that a constructor sets."""
    for node in ast.walk(init):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def class_lines(owner, module, node, public):
    """The members of a class, with those from bases that aren't public themselves."""
    lines = set()
    init = None
    for item in node.body:
        if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if item.name == "__init__":
                init = item
            elif is_public(item.name):
                lines |= callable_lines(f"{owner}.{item.name}", item)
        elif isinstance(item, ast.AnnAssign) and is_public(item.target.id):
            lines.add(f"{owner}.{item.target.id}")
        elif isinstance(item, ast.Assign):
            names = [target.id for target in item.targets]
            lines |= {f"{owner}.{name}" for name in names if is_public(name)}
    if init:
        lines |= {f"{owner}.{name}" for name in assigned(init) if is_public(name)}
        # Whoever needs something private for it can't call it.
        if all(is_public(name) for name in parameters(init)):
            fresh = [name for name in parameters(init) if f"{owner}.{name}" not in lines]
            lines |= {f"{owner}({name})" for name in fresh}
    for base in node.bases:
        place, definition = module.find(base.id) if isinstance(base, ast.Name) else (None, None)
        if isinstance(definition, ast.ClassDef) and base.id not in public:
            lines |= class_lines(owner, place, definition, public)
    return lines


def lines_of(shown, module, name, public):
    place, node = module.find(name)
    if node is None:
        sys.exit(f"`{shown}` is exported and defined nowhere: this script has to be corrected")
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return callable_lines(shown, node)
    if isinstance(node, ast.ClassDef) and "generated" not in place.path.parts:
        return {shown} | class_lines(shown, place, node, public)
    return {shown}


def main(folder):
    package = Path(folder, "openai_codex")
    lines = set()
    for prefix, file in [("", "__init__.py"), ("types.", "types.py")]:
        module = Module(package / file)
        public = set(module.exports())
        for name in public:
            lines |= lines_of(prefix + name, module, name, public)
    print("\n".join(sorted(lines)))


if __name__ == "__main__":
    main(*sys.argv[1:])

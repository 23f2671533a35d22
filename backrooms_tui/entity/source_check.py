"""Whether Python code can be a room's entity, as far as can be said without running any of it.

For `create`: a misspelt class should be told to whoever types it, not found dead by the room three starts later.
"""

from __future__ import annotations

import ast
import warnings

from backrooms_tui.model.errors import EntityInitFailed, UsageError
from backrooms_tui.model.runtimes import Runtime
from backrooms_tui.model.scrub import scrub

from .sources import Module, Sources, load

_OURS = __name__.partition(".")[0]


def check(runtime: Runtime) -> None:
    """Raise UsageError, with the line, for code that is missing, does not compile or has not the class."""
    try:
        sources = load(runtime)
    except EntityInitFailed as error:
        raise UsageError(*error.details) from None
    if sources is None:
        return
    trees = {name: _parsed(module) for name, module in sources.modules}
    _check_class(sources, trees[sources.main])


def _parsed(module: Module) -> ast.Module:
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(module.text, module.file)
            compile(tree, module.file, "exec", dont_inherit=True)  # finds what the grammar does not
    except SyntaxError as error:
        line = f" LINE {error.lineno}" if error.lineno else ""
        raise UsageError(f"ENTITY SOURCE: {scrub(module.file)}{line}: {scrub(error.msg)}") from None
    except (ValueError, MemoryError, RecursionError) as error:
        raise UsageError(f"ENTITY SOURCE: {scrub(module.file)}: {scrub(str(error) or type(error).__name__)}") from None
    return tree


def _check_class(sources: Sources, tree: ast.Module) -> None:
    """The named class is bound at the top level; without a name, some class there may be the entity."""
    file, wanted = scrub(dict(sources.modules)[sources.main].file), sources.entity
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    if wanted in classes and not classes[wanted].bases:
        raise UsageError(f"ENTITY SOURCE: {file} LINE {classes[wanted].lineno}: {wanted} DOES NOT DERIVE FROM Entity")
    if wanted:
        if wanted not in classes.keys() | _imported(tree) | _assigned(tree):
            raise UsageError(f"ENTITY SOURCE: {file} HAS NO CLASS {wanted}. CLASSES: {', '.join(classes) or 'NONE'}")
        return
    bases = {base for node in classes.values() for base in map(_name, node.bases)}
    entities = [name for name, node in classes.items() if "Entity" in map(_name, node.bases) and name not in bases]
    if len(entities) > 1:
        raise UsageError(f"ENTITY SOURCE: {file} HAS {len(entities)} ENTITIES, NAME ONE: {', '.join(entities)}")
    if not bases and not _imported(tree):
        raise UsageError(f"ENTITY SOURCE: {file} DEFINES NO CLASS THAT DERIVES FROM Entity")


def _imported(tree: ast.Module) -> set[str]:
    """Names from modules other than ours: what they are is known only when they run."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    others = [node for node in imports if node.level or (node.module or "").partition(".")[0] != _OURS]
    return {alias.asname or alias.name for node in others for alias in node.names}


def _assigned(tree: ast.Module) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _name(base: ast.expr) -> str:
    return base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""

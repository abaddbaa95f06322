"""What a kind says of itself, read from its source: its documentation and its factorisation. No
model is imported, so that neither torch nor time is needed.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from latentbench.models import MODELS
from latentbench.models.kinds import source_of

OBSERVED = {"x": "the data", "c": "condition or other covariates", "s": "batch"}
HYPERPARAMETERS = {
    "alpha": "concentration of the Dirichlet prior",
    "u": "pseudo-inputs of the prior",
}
FACTOR = re.compile(r"[pq]\(([a-z,]+)(?:\|([a-z,]+))?\)|([a-z])\s*=\s*[a-z]+\(([a-z,]+)\)")

Edge = tuple[str, str]


@dataclass(frozen=True)
class Documentation:
    """The docstring of a kind in parts: its first sentence, everything but the last two lines, and
    what those say.
    """

    title: str
    body: str
    use: str
    cost: str


@dataclass(frozen=True)
class Factor:
    """p(variables | given), or a variable that is computed from others: ``z = e(x)``."""

    variables: tuple[str, ...]
    given: tuple[str, ...]
    is_computed: bool = False

    @property
    def edges(self) -> list[Edge]:
        """An edge from everything given to every variable."""
        return [(parent, variable) for variable in self.variables for parent in self.given]


@dataclass(frozen=True)
class Factorisation:
    """The factors of p and q of a kind."""

    kind: str
    generative: tuple[Factor, ...]
    inference: tuple[Factor, ...]
    texts: tuple[str, str] = field(default=("", ""))
    shown: frozenset[str] = frozenset()
    """Variables that p draws and the data show all the same: the classes of a supervised
    training."""

    @property
    def p_edges(self) -> list[Edge]:
        """Edges of the generative graph."""
        return [edge for factor in self.generative for edge in factor.edges]

    @property
    def q_edges(self) -> list[Edge]:
        """Edges of the inference graph."""
        return [edge for factor in self.inference for edge in factor.edges]

    @property
    def generated(self) -> set[str]:
        """Variables that p draws."""
        return {variable for factor in self.generative for variable in factor.variables}

    @property
    def inferred(self) -> set[str]:
        """Variables that q draws or that are computed."""
        return {variable for factor in self.inference for variable in factor.variables}

    @property
    def computed(self) -> set[str]:
        """Variables that are functions of others, no random ones."""
        return {
            variable
            for factor in self.inference
            if factor.is_computed
            for variable in factor.variables
        } - self.generated

    @property
    def observed(self) -> set[str]:
        """Variables that the data hold."""
        return self.variables & ({"x"} | self.shown | (set(OBSERVED) - self.generated))

    @property
    def hyperparameters(self) -> set[str]:
        """What p is given and nobody draws."""
        return (self.variables & set(HYPERPARAMETERS)) - self.generated - self.inferred

    @property
    def variables(self) -> set[str]:
        """Everything that is named."""
        return {
            name
            for factor in (*self.generative, *self.inference)
            for name in (*factor.variables, *factor.given)
        }

    def check(self) -> None:
        """Check that both graphs are acyclic, and that everything which is named comes from
        somewhere.

        Raises:
            ValueError: naming the kind and the variable.
        """
        known = self.observed | self.hyperparameters
        for which, edges, drawn in (
            ("generative", self.p_edges, self.generated | self.computed),
            ("inference", self.q_edges, self.inferred),
        ):
            _refuse_cycles(f"kind '{self.kind}': the {which} graph", edges)
            for parent, variable in edges:
                if parent not in drawn | known:
                    raise ValueError(
                        f"kind '{self.kind}': the {which} factorisation conditions {variable} on"
                        f" {parent}, which it neither draws nor is given"
                    )
        if "x" not in self.generated:
            raise ValueError(f"kind '{self.kind}': nothing generates x")
        if missing := self.generated - self.inferred - self.observed:
            raise ValueError(f"kind '{self.kind}': nothing infers {', '.join(sorted(missing))}")


def documentation_of(kind: str) -> Documentation:
    """Return the documentation of a kind.

    Raises:
        ValueError: it does not end with the sentences ``Use: ...`` and ``Cost: ...``.
    """
    text = docstring_of(kind)
    body, _, rest = text.partition("\nUse: ")
    use, _, cost = rest.partition("\nCost: ")
    if not (use and cost):
        raise ValueError(
            f"kind '{kind}': its docstring must end with two sentences, each from the start of a"
            " line: 'Use: <one sentence>' and 'Cost: <one sentence>'"
        )
    title = " ".join(text.split("\n\n")[0].split())
    return Documentation(title, body.strip(), " ".join(use.split()), " ".join(cost.split()))


def docstring_of(kind: str) -> str:
    """Return the docstring of a reference's function or of a network's module."""
    tree, node = _definition_of(kind)
    return ast.get_docstring(node if isinstance(node, ast.FunctionDef) else tree) or ""


def factorisation_of(kind: str) -> Factorisation:
    """Return what a network declares as ``generative`` and ``inference``, checked."""
    _, node = _definition_of(kind)
    declared = {
        target.id: ast.literal_eval(line.value)
        for line in node.body
        if isinstance(line, ast.Assign)
        for target in line.targets
        if isinstance(target, ast.Name) and target.id in ("generative", "inference")
    }
    found = Factorisation(
        kind,
        parse_factors(declared["generative"]),
        parse_factors(declared["inference"]),
        (declared["generative"], declared["inference"]),
    )
    found.check()
    return found


def parse_factors(text: str) -> tuple[Factor, ...]:
    """Return the factors of a text such as ``"p(y) p(z|y) p(x|z)"`` or ``"z = e(x), q(y|z)"``.

    Raises:
        ValueError: a part of the text is no factor.
    """
    factors = [
        Factor(
            _names(match[1] or match[3]),
            _names(match[2] or match[4] or ""),
            is_computed=match[3] is not None,
        )
        for match in FACTOR.finditer(text)
    ]
    if left_over := FACTOR.sub("", text).replace(",", "").strip():
        raise ValueError(
            f"'{text}': '{left_over}' is no factor; write p(x|z,y), q(z|x) or z = e(x)"
        )
    return tuple(factors)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _refuse_cycles(named: str, edges: Iterable[Edge]) -> None:
    parents: Mapping[str, set[str]] = {}
    for parent, variable in edges:
        parents.setdefault(variable, set()).add(parent)
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as cycle:
        raise ValueError(f"{named} has a cycle: {' -> '.join(cycle.args[1])}") from None


def _definition_of(kind: str) -> tuple[ast.Module, ast.ClassDef | ast.FunctionDef]:
    return source_of(MODELS[kind].path), MODELS[kind].node

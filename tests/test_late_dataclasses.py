"""Dataclasses with late methods are as the standard ones are."""

from __future__ import annotations

import dataclasses
import inspect
import pkgutil
import subprocess
import sys
import threading
from dataclasses import field
from importlib import import_module
from pathlib import Path

import pytest

import scancc as sc
from scancc import late_dataclasses


def classes(dataclass):
    """One class of each kind, as `dataclass` makes it."""

    @dataclass
    class Plain:
        a: int
        b: str = "x"

    @dataclass(frozen=True)
    class Frozen:
        a: int
        b: tuple = ()

        def __post_init__(self):
            object.__setattr__(self, "seen", True)

    @dataclass(frozen=True)
    class Derived(Frozen):
        """Has fields of its own behind the others."""

        c: list = field(default_factory=list, compare=False)
        d: float = field(default=2.0, kw_only=True, repr=False)
        e: int = field(init=False, default=3)

    @dataclass(frozen=True, eq=False)
    class ByIdentity:
        a: int = 1

    @dataclass
    class Written:
        a: int
        hidden: list = field(init=False, default_factory=list)

        def __eq__(self, other):
            return True

        def __repr__(self):
            return "written"

    @dataclass(frozen=True)
    class Made:
        a: int

        def __init__(self, text):
            object.__setattr__(self, "a", int(text))

    @dataclass
    class Empty:
        pass

    return {"Plain": Plain, "Frozen": Frozen, "Derived": Derived, "ByIdentity": ByIdentity, "Written": Written,
            "Made": Made, "Empty": Empty}


ARGUMENTS = [((), {}), ((1,), {}), ((1, "y"), {}), (("2",), {}), ((1, (2,)), {"c": [4], "d": 5.0}), ((1,), {"z": 1}),
             ((), {"a": 7}), ((1, 2, 3, 4), {}), (([],), {})]
QUESTIONS = {
    "repr": repr, "fields": lambda x: [(f.name, f.type, f.init) for f in dataclasses.fields(x)], "vars": vars,
    "hash": hash, "dict": dataclasses.asdict, "eq": lambda x: x == dataclasses.replace(x),
    "other": lambda x: x == object(), "replace": lambda x: vars(dataclasses.replace(x, a=9)),
    "set": lambda x: setattr(x, "a", 3), "more": lambda x: setattr(x, "zz", 3), "del": lambda x: delattr(x, "a"),
    "signature": lambda x: str(inspect.signature(type(x))), "init": lambda x: type(x).__init__.__qualname__,
    "match": lambda x: type(x).__match_args__, "doc": lambda x: (type(x).__doc__ or "").startswith("Has fields"),
}


def outcome(ask, *given, **named):
    try:
        return ask(*given, **named)
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize("n_by_hand", [late_dataclasses._N_BY_HAND, 0])
@pytest.mark.parametrize("kind", ["Plain", "Frozen", "Derived", "ByIdentity", "Written", "Made", "Empty"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_late_methods_are_as_the_standard_ones(kind, question, n_by_hand, monkeypatch):
    monkeypatch.setattr(late_dataclasses._LateInit, "n_left", n_by_hand)
    for given, named in ARGUMENTS:
        ours = outcome(classes(late_dataclasses.dataclass)[kind], *given, **named)
        theirs = outcome(classes(dataclasses.dataclass)[kind], *given, **named)
        assert isinstance(ours, tuple) == isinstance(theirs, tuple), (ours, theirs)
        if isinstance(ours, tuple):
            assert ours == theirs
        elif (question, kind) != ("hash", "ByIdentity"):
            assert outcome(QUESTIONS[question], ours) == outcome(QUESTIONS[question], theirs)


def test_a_class_may_be_asked_before_it_has_an_instance():
    for kind in classes(late_dataclasses.dataclass).values():
        blank = kind.__new__(kind)
        assert isinstance(vars(kind)["__init__"], late_dataclasses._Late) == (kind.__name__ != "Made")
        assert outcome(hash, blank) is not None and inspect.signature(kind) is not None


CLASS_QUESTIONS = {
    "is one": dataclasses.is_dataclass,
    "fields": lambda kind: [(f.name, f.default) for f in dataclasses.fields(kind)],
    "match": lambda kind: kind.__match_args__, "frozen": lambda kind: hasattr(kind, "__dataclass_params__"),
    "b": lambda kind: kind.b, "d": lambda kind: kind.d, "c": lambda kind: kind.c,
    "child": lambda kind: [f.name for f in dataclasses.fields(dataclasses.dataclass(type("Child", (kind,), {})))],
    "unborn": lambda kind: [f.name for f in dataclasses.fields(kind.__new__(kind))],
}


@pytest.mark.parametrize("question", CLASS_QUESTIONS)
def test_a_class_without_an_instance_has_its_fields(question):
    for (name, ours), theirs in zip(classes(late_dataclasses.dataclass).items(),
                                    classes(dataclasses.dataclass).values(), strict=True):
        if question == "child" and theirs.__dataclass_params__.frozen:
            continue  # a frozen class has only frozen ones, which ours need not say
        assert outcome(CLASS_QUESTIONS[question], ours) == outcome(CLASS_QUESTIONS[question], theirs), name


def test_fields_told_from_annotations_are_the_standard_ones():
    """In a process of its own: where an instance was made, or fields were asked for, they are the standard ones."""
    subprocess.run([sys.executable, "-c", f"from {__name__} import require_standard_fields as f; f()"],
                   cwd=Path(__file__).parents[1], check=True)


def require_standard_fields():
    for found in pkgutil.walk_packages(sc.__path__, "scancc."):
        if "bridges" not in found.name and not found.name.endswith("__main__"):
            import_module(found.name)
    asked = ("name", "type", "default", "default_factory", "init", "kw_only", "compare", "repr", "hash")
    kinds = [kind for kind in all_classes(object) if str(kind.__module__).startswith("scancc")
             and isinstance(vars(kind).get("__init__"), late_dataclasses._Late)]
    assert len(kinds) > 200
    for kind in kinds:
        told, standard = late_dataclasses._fields.__wrapped__(kind), dataclasses.fields(kind)
        assert [[getattr(f, a) for a in asked] for f in told] == [[getattr(f, a) for a in asked] for f in standard]


def all_classes(kind):
    return {kind}.union(*map(all_classes, type.__subclasses__(kind)))


def test_instances_filled_by_hand_are_as_those_that_follow():
    kind = classes(late_dataclasses.dataclass)["Derived"]
    made = [kind(1, (2,), c=[n], d=4.0) for n in range(late_dataclasses._N_BY_HAND + 2)]
    assert not isinstance(vars(kind)["__init__"], late_dataclasses._Late)
    assert [list(vars(x).items()) for x in made] == [
        [("a", 1), ("b", (2,)), ("c", [n]), ("d", 4.0), ("seen", True)] for n in range(len(made))]


def test_a_class_of_another_kind_may_stand_on_one():
    frozen = classes(late_dataclasses.dataclass)["Frozen"]

    class Child(frozen):
        def __init__(self):
            super().__init__(4)
            self.more = 5

    child = Child()
    assert (child.a, child.more, child) == (4, 5, Child())
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'a'"):
        child.a = 6


def test_threads_that_make_the_first_instances_have_whole_ones():
    kinds = [classes(late_dataclasses.dataclass)["Derived"] for _ in range(50)]
    found = []
    start = threading.Barrier(4)

    def make():
        start.wait()
        found.append([(x := kind(1, c=[2]), hash(x), x == kind(1), repr(x))[1:] for kind in kinds])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and all(each == found[0] for each in found)

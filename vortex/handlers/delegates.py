"""
Delegates: what carries out the actions of one kind, and how it is called.

A delegate is a function of the action, or an object with a method ``processTupleAction``, as VortexPY's are.
What else it wants it names: a parameter ``delivery`` gets who asks, a parameter ``session`` the SQLAlchemy
session. When, and for whom, is `vortex.handlers.actions`'s business.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from vortex.routing.delivery import Delivery
from vortex.routing.ports import Node
from vortex.tuples.action_tuples import TupleAction
from vortex.tuples.tuple import Tuple

__all__ = ["Delegate", "Delegated", "tuplesOf"]

Delegated = Callable[..., Any] | Any
"""A function of an action, or an object whose ``processTupleAction`` is one."""


class Delegate:
    """
    Args:
        delegate: The function, or the object with the method.
        inThread: Whether it is called in the thread pool.
        session: What makes a SQLAlchemy session, in whose one transaction it is called, in a thread.
        then: Called in the reactor's thread with the action and the answer's tuples, when it is done.

    Attributes:
        isInThread: Whether it is called in a thread, where nothing can stop it.
        then: As given.

    Raises:
        TypeError: If *delegate* is neither, takes something else than an action, a ``delivery`` and a
            ``session``, or is a coroutine function and called in a thread.
        ImportError: If *session* is given, and there is no SQLAlchemy.
    """

    def __init__(
        self,
        delegate: Delegated,
        *,
        inThread: bool = False,
        session: Callable[[], Any] | None = None,
        then: Callable[..., object] | None = None,
    ) -> None:
        function = getattr(delegate, "processTupleAction", delegate)
        if not callable(function):
            raise TypeError(
                f"a delegate is a function, or an object with a method processTupleAction, got {delegate!r}"
            )
        self.then = then
        self._function: Callable[..., Any] = function
        self.isInThread = inThread or session is not None
        self._session = session
        self._name = getattr(function, "__qualname__", repr(function))
        self._wanted = self._checked(function)
        if session is not None:
            import vortex.orm.action_work  # noqa: F401  # that it is missing is said now

    def run(self, node: Node, action: TupleAction, delivery: Delivery) -> Deferred[list[Any]]:
        """Carry out *action*; fires with the tuples of the answer. It may be cancelled."""
        if self._session is not None:
            return node.runInThread(self._inSession, self._session, action, delivery)
        given = {"delivery": delivery} if "delivery" in self._wanted else {}
        if self.isInThread:
            return node.runInThread(self._atOnce, action, given)
        return maybeDeferred(self._function, action, **given).addCallback(tuplesOf)

    def _inSession(
        self, sessionFactory: Callable[[], Any], action: TupleAction, delivery: Delivery
    ) -> list[Any]:
        from vortex.orm.action_work import inTransaction

        def work(session: Any) -> list[Any]:
            has = {"delivery": delivery, "session": session}
            return self._atOnce(action, {name: has[name] for name in self._wanted})

        return inTransaction(sessionFactory, work, action, delivery)

    def _atOnce(self, action: TupleAction, given: Mapping[str, Any]) -> list[Any]:
        """For a thread, where nobody waits for what comes later."""
        result = self._function(action, **given)
        if isinstance(result, Coroutine):
            result.close()
        if isinstance(result, (Coroutine, Deferred)):
            raise TypeError(f"{self._name} runs in a thread, where it cannot return {result!r}")
        return tuplesOf(result)

    def _checked(self, function: Callable[..., Any]) -> frozenset[str]:
        """Which of ``delivery`` and ``session`` it takes."""
        possible = ("delivery", "session") if self._session is not None else ("delivery",)
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):  # one that is written in C says nothing of itself
            return frozenset()
        wanted = frozenset(name for name in possible if name in signature.parameters)
        try:
            signature.bind(None, **dict.fromkeys(wanted))
        except TypeError:
            takes = ", ".join(["action", *possible])
            raise TypeError(f"{self._name} should take some of ({takes}), it takes {signature}") from None
        if self.isInThread and inspect.iscoroutinefunction(function):
            raise TypeError(f"{self._name} is a coroutine function, which no thread can run")
        return wanted


def tuplesOf(result: Any) -> list[Any]:
    """What a delegate has returned, as the tuples of an answer: a list, nothing, or the only one."""
    if result is None:
        return []
    if isinstance(result, (Tuple, str, bytes, Mapping)) or not isinstance(result, Iterable):
        return [result]
    return list(result)

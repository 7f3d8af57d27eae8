"""A dictionary whose contents come when it is first looked at, and that notices changes. Knows no session."""

from abc import abstractmethod
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any

from sojourn.document.imprint import imprint, imprint_of

_NOT_OPENED = "(not looked at yet)"


class LazyDictionary(dict[str, Any]):
    """A real ``dict``: ``json``, ``copy``, ``|``, ``==`` and ``**`` see what is in it.

    Values are ``Any``: an application knows what it put in.
    """

    def __init__(self) -> None:
        # The C code of json takes a dict of size 0 for {} and calls no method of it.
        super().__init__({_NOT_OPENED: None})
        self._imprint: bytes | None = None

    @abstractmethod
    def before_look(self) -> None:
        """``open_quietly``, and note that it was looked at. Called before each look."""

    @abstractmethod
    def open_quietly(self) -> None:
        """Put the contents in with ``fill``, unless they are in."""

    @abstractmethod
    def before_change(self, key: str | None) -> None:
        """Called before ``key`` is set or deleted; ``None``: all of them."""

    def fill(self, contents: Mapping[str, Any]) -> None:
        """Replace the contents. No change in the sense of ``before_change``."""
        super().clear()
        super().update(contents)
        self.lose_track()

    # ---- as a document

    def to_document(self) -> dict[str, Any]:
        """The contents as they are stored; for adapters whose framework keeps what a document does not."""
        return self.copy()

    def from_document(self, document: dict[str, Any]) -> dict[str, Any]:
        """The inverse of ``to_document``."""
        return document

    def is_document(self, _text: bytes) -> bool:
        """Whether ``from_document`` changes nothing in the document of this JSON."""
        return True

    def take(self, document: dict[str, Any], text: bytes) -> None:
        """Replace the contents by those of ``document``, whose JSON is ``text``, and keep track of changes."""
        self.fill(document if self.is_document(text) else self.from_document(document))
        self._imprint = imprint_of(self._bare(), text)

    def lose_track(self) -> None:
        """Forget what was taken."""
        self._imprint = None

    def is_as_found(self) -> bool:
        """Whether the contents, nested values included, are what was taken. They may be where it is not said; no look.

        Whatever was handed out, by a method or past all of them, may have been changed: so all of them are compared.
        """
        return self._imprint is not None and imprint(self._bare()) == self._imprint

    def _bare(self) -> dict[str, Any]:
        return dict(super().items())  # copy() and dict(self) would call keys()

    # ---- a look

    def __getitem__(self, key: str) -> Any:
        self.before_look()
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """See ``dict``."""
        self.before_look()
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self.before_look()
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        self.before_look()
        return super().__iter__()

    def __reversed__(self) -> Iterator[str]:
        self.before_look()
        return super().__reversed__()

    def __len__(self) -> int:
        self.before_look()
        return super().__len__()

    def keys(self) -> KeysView[str]:  # type: ignore[override]  # dict_keys has no name in typing
        """See ``dict``."""
        self.before_look()
        return super().keys()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]  # as above
        """See ``dict``."""
        self.before_look()
        return super().values()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]  # as above
        """See ``dict``."""
        self.before_look()
        return super().items()

    def copy(self) -> dict[str, Any]:
        """A plain dictionary with the same values."""
        return dict(self.items())

    __copy__ = copy

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (self.copy(),)  # pickle and deepcopy: the contents alone

    def __eq__(self, other: object) -> bool:
        self.before_look()
        if isinstance(other, LazyDictionary):
            other.before_look()
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __or__(self, other: Any) -> dict[str, Any]:  # type: ignore[override]  # of dict's two overloads
        return self.copy() | other if isinstance(other, dict) else NotImplemented

    def __ror__(self, other: Any) -> dict[str, Any]:  # type: ignore[override]  # as above
        return other | self.copy() if isinstance(other, dict) else NotImplemented

    # ---- a change

    def __setitem__(self, key: str, value: Any) -> None:
        self.before_look()
        self.before_change(key)
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.before_look()
        if super().__contains__(key):
            self.before_change(key)
        super().__delitem__(key)

    def clear(self) -> None:
        """See ``dict``."""
        self.before_look()
        self.before_change(None)
        super().clear()

    def pop(self, key: str, *default: Any) -> Any:
        """See ``dict``; neither a look nor a change where there is no such key."""
        self.open_quietly()
        if super().__contains__(key):
            self.before_look()
            self.before_change(key)
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        """See ``dict``: what was put in last."""
        self.before_look()
        key = next(super().__reversed__(), None)
        if key is not None:
            self.before_change(key)
        return super().popitem()

    def setdefault(self, key: str, default: Any = None) -> Any:
        """See ``dict``; no change where there is such a key."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *others: Any, **values: Any) -> None:
        """See ``dict``."""
        for key, value in dict(*others, **values).items():
            self[key] = value

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

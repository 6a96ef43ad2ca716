"""What a section and its values look like: the types that `model` is written with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from sophia_cli.config.durations import parse_duration
from sophia_cli.config.secrets import mask
from sophia_cli.config.urls import check_address, check_url
from sophia_cli.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Shape:
    """What a text must look like, in the words of a message: "must be ..."."""

    words: str


def _duration(value: object) -> object:
    try:
        return parse_duration(value) if isinstance(value, str) else value
    except InvalidInput as error:
        raise ValueError(f"{error.message}; {error.hint}") from error


def _items(value: object) -> object:
    return tuple(item.strip() for item in value.split(",")) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Timeout = Annotated[Duration, Field(ge=timedelta(milliseconds=1), le=timedelta(hours=1))]
Lifetime = Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=365))]
RecordsUrl = Annotated[
    str,
    AfterValidator(partial(check_url, schemes=("postgresql", "postgres"))),
    Shape("a postgresql:// URL"),
]
CacheUrl = Annotated[
    str,
    AfterValidator(partial(check_url, schemes=("redis", "rediss", "unix"))),
    Shape("a redis://, rediss:// or unix:// URL"),
]
WebUrl = Annotated[
    str,
    AfterValidator(partial(check_url, schemes=("http", "https"))),
    Shape("an http:// or https:// URL"),
]
WebUrls = Annotated[
    tuple[WebUrl, ...], BeforeValidator(_items), Shape("a list of http:// or https:// URLs")
]
Address = Annotated[str, AfterValidator(check_address), Shape("HOST:PORT")]
Size = Annotated[
    str, Field(pattern=r"(?i)^[1-9][0-9]{0,14}([kmg]b?)?$"), Shape("a size such as 256mb or 2gb")
]
Share = Annotated[float, Field(gt=0, le=1), Shape("a number above 0, at most 1")]
Device = Annotated[
    str,
    Field(pattern=r"^(auto|numpy|cpu|cuda(:[0-9]{1,3})?|mps)$"),
    Shape("auto, numpy, cpu, cuda, cuda:1 or mps"),
]
Prefix = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"),
    Shape("up to 64 letters, digits, - and _"),
]


def bytes_in(size: str) -> int:
    """The bytes of a `Size`: 1 kb are 1,024."""
    digits = size.rstrip("kmgbKMGB")
    unit = size[len(digits) :][:1].lower()
    return int(digits) << {"": 0, "k": 10, "m": 20, "g": 30}[unit]


class Section(BaseModel):
    """A part of the file: immutable, without unknown keys, its passwords masked when shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def values(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Yields every key below this one, dotted, with its value."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Section):
                yield from value.values(f"{prefix}{name}.")
            else:
                yield f"{prefix}{name}", value

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            if isinstance(value, tuple):
                yield name, tuple(mask(str(item)) for item in value)
            else:
                yield name, mask(value) if isinstance(value, str) else value

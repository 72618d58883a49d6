"""Ids and names. All randomness is the operating system's: the user's generators are never drawn from."""

from __future__ import annotations

import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
_ADJECTIVES = (
    "amber ample bold brave brisk bright calm clear clever cosy crisp eager early fair fast fine firm fond "
    "fresh gentle glad golden grand green handy happy hardy honest jolly keen kind light lively loyal lucid "
    "lucky mellow merry mild modest neat noble patient plain proud quick quiet rapid ready regal rosy round "
    "sharp silent sleek smart smooth snug sober solid spry steady still sunny sure swift tidy tranquil trim "
    "true vivid warm wise witty young zesty"
).split()
_NOUNS = (
    "aspen badger birch bison brook cedar cliff cloud comet coral crane creek dawn delta dune eagle elm ember "
    "falcon fern finch fjord forest fox gale glade grove gull harbor hare hawk heath heron hill ibex iris "
    "island jay juniper kestrel lagoon lake lark laurel lynx maple marsh meadow moor moss oak orchid osprey "
    "otter owl peak pebble pine plover pond poplar raven reed reef ridge river robin sage sparrow spruce stone "
    "stork swan tern thistle thrush tide trout valley vole willow wren yew"
).split()


def new_id(not_before: int = 0) -> str:
    """Return a new id of now, or of `not_before` (microseconds since 1970) where that is later.

    It is a ULID (https://github.com/ulid/spec) in lower case, 26 characters that sort by time: 48 bits of milliseconds
    since 1970, 10 of the millisecond's fraction and 70 random ones.
    """
    milliseconds, fraction = divmod(max(time.time_ns(), not_before * 1000), 1_000_000)
    number = milliseconds << 80 | (fraction * 1024 // 1_000_000) << 70 | int.from_bytes(os.urandom(9), "big") >> 2
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def new_name() -> str:
    """Return a name that people can say, such as ``quiet-otter-417``."""
    draw = int.from_bytes(os.urandom(8), "big")
    draw, adjective = divmod(draw, len(_ADJECTIVES))
    draw, noun = divmod(draw, len(_NOUNS))
    return f"{_ADJECTIVES[adjective]}-{_NOUNS[noun]}-{draw % 1000}"

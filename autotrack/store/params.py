"""Params in the index: the latest value of each, its leaves, and what it was before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, select

from autotrack.store.rows import Target, Write, encoded, grouped, insert_all, key_hash, leaves, pages, param_columns
from autotrack.store.schema import keys as key_table
from autotrack.store.schema import param_history, params

Written = list[tuple[Write, str, Any]]
"""Params as they were written, in order: where, key, encoded value."""


def apply_params(target: Target, written: Mapping[int, Written]) -> None:
    """Apply params by run."""
    connection = target.connection
    p = params.c
    own = select(p.run, p.key, p.value, p.leaf, p.clock, p.segment, p.offset)
    found = grouped(connection, own, p.run, target.old & written.keys())
    rows: list[dict[str, Any]] = []
    history: list[dict[str, Any]] = []
    replaced: list[dict[str, int]] = []
    for run, some in written.items():
        before = {row.key: row for row in found.get(run, ()) if not row.leaf}
        taken = {row.key for row in found.get(run, ())}
        latest = _latest(target, run, some, before, history)
        corrected = [(text, before[target.keys[text]]) for text in latest if target.keys[text] in before]
        if corrected:
            _delete(connection, run, corrected)
            taken = set(connection.scalars(select(p.key).where(p.run == run)))
        fresh = _rows(run, latest, target.keys)
        fresh = {key: row for key, row in fresh.items() if key not in taken or not row["leaf"]}
        # Leaves of other params, which a param of its own replaces:
        replaced += [{"r": run, "k": key} for key in taken & fresh.keys()]
        rows += fresh.values()
    if replaced:
        connection.execute(delete(params).where(p.run == bindparam("r"), p.key == bindparam("k")), replaced)
    insert_all(connection, params, rows)
    insert_all(connection, param_history, history)


def _latest(
    target: Target, run: int, written: Written, known: dict[int, Any], history: list[dict[str, Any]]
) -> dict[str, tuple[Write, Any]]:
    """Return the values that are new, and add what they or others have replaced to the history."""
    latest: dict[str, tuple[Write, Any]] = {}
    for write, text, value in written:
        key = target.keys[text]
        before, row = latest.get(text), known.get(key)
        if before is not None:
            history.append({"run": run, "key": key, "value": encoded(before[1]), **before[0].place()})
        elif row is not None and write.is_before(row, target.names):
            history.append({"run": run, "key": key, "value": encoded(value), **write.place()})
            continue
        elif row is not None:
            place = {"clock": row.clock, "segment": row.segment, "offset": row.offset}
            history.append({"run": run, "key": key, "value": row.value, **place})
        latest[text] = write, value
    return latest


def _rows(run: int, latest: dict[str, tuple[Write, Any]], keys: Mapping[str, int]) -> dict[int, dict[str, Any]]:
    """Return the rows of params and of their leaves; a param of its own goes before a leaf of the same name."""
    rows: dict[int, dict[str, Any]] = {}
    for text, (write, value) in latest.items():
        for path, leaf in leaves(text, value):
            described = {**param_columns(leaf), "value": None, "leaf": True}
            rows[keys[path]] = {"run": run, "key": keys[path], **described, **write.place(), "position": 0}
    positions: dict[Write, dict[str, int]] = {}
    for text, (write, value) in latest.items():
        if write not in positions:
            positions[write] = {name: at for at, name in enumerate(write.event.values)}
        described = {
            **param_columns(value), "value": encoded(value), "leaf": False, "position": positions[write][text]
        }  # fmt: skip
        rows[keys[text]] = {"run": run, "key": keys[text], **described, **write.place()}
    return rows


def _delete(connection: Connection, run: int, rows: list[tuple[str, Any]]) -> None:
    """Delete params, given as text and row, and the leaves that were written with them."""
    p = params.c
    for some in pages([row.key for _, row in rows]):
        connection.execute(delete(params).where(p.run == run, p.key.in_(some)))
    for text, row in rows:
        place = (p.clock == row.clock) & (p.segment == row.segment) & (p.offset == row.offset)
        for some in pages([key_hash(path) for path, _ in leaves(text, msgspec.json.decode(row.value))]):
            own = select(key_table.c.id).where(key_table.c.hash.in_(some))
            connection.execute(delete(params).where(p.run == run, p.leaf.is_(True), place, p.key.in_(own)))

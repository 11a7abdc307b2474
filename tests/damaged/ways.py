"""Ways to damage what a file holds: its bytes, its tree of plain values, its arrays."""

import copy
import json
import math

import numpy as np

ODD_VALUES = (
    *(None, True, 0, -1, 1, 7, 2**31, 2**63, 2**64, -(2**70), 10**400, 0.5, -5.0, 1e300, math.inf, -math.inf, math.nan),
    *("", "x", "ant", "é", "\ud800", "a\0b", "../..", "NaN", "1e9", "[" * 50, " ", "\n", "²"),
    *([], {}, [[]], {"a": 1}, [None], [1, "x"], {"": {}}, [0.1] * 3),
)
ODD_ARRAYS = (
    *(
        np.zeros(0),
        np.array(3.5),
        np.zeros((2, 2, 2)),
        np.array(["a", "b"]),
        np.array([b"\xff", b"b"]),
        np.array([True]),
    ),
    *(np.array([np.nan, np.inf]), np.array([2**63], np.uint64), np.array([-1]), np.array([1 + 1j]), np.ones((1, 1))),
    *(
        np.array(["2020-01-01"], "M8[D]"),
        np.zeros(3, ">f8"),
        np.zeros((4, 3), "V2"),
        np.array([10**12]),
        np.ones((5, 0)),
    ),
)


def damaged_bytes(content, rng):
    """Return bytes with a few of them changed, cut out, put in, doubled, or all behind a place left out."""
    content = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        if not content:
            break
        at, length = int(rng.integers(len(content))), int(rng.integers(1, 32))
        match int(rng.integers(6)):
            case 0:
                content[at] = int(rng.integers(256))
            case 1:
                del content[at : at + length]
            case 2:
                content[at:at] = rng.bytes(length)
            case 3:
                content[at:at] = content[at : at + length]
            case 4:
                del content[at:]
            case 5:
                content[at : at + length] = bytes(len(content[at : at + length]))
    return bytes(content)


def damaged_tree(value, rng):
    """Return plain values in which one place, at any depth, is renamed, removed, nested or of another kind."""
    value = copy.deepcopy(value)
    places = list(_places(value))
    if not places:
        return _odd(rng)
    holder, key = places[int(rng.integers(len(places)))]
    match int(rng.integers(6)):
        case 0:
            del holder[key]
        case 1:
            holder[key] = _odd(rng)
        case 2:
            holder[key] = [holder[key]]
        case 3:
            holder[key] = {"inside": holder[key]}
        case 4 if isinstance(holder, dict):
            holder[f"{key}x"] = holder.pop(key)
        case _:
            other, place = places[int(rng.integers(len(places)))]
            holder[key] = copy.deepcopy(other[place]) if place in other or isinstance(other, list) else None
    return value


def _places(value):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in list(items):
        yield value, key
        yield from _places(inside)


def damaged_json(content, rng):
    """Return JSON whose tree is damaged, or whose bytes are."""
    if rng.random() < 0.2:
        return damaged_bytes(content, rng)
    text = json.dumps(damaged_tree(json.loads(content), rng), default=str)
    return text.encode("utf-8", "surrogatepass") if rng.random() < 0.9 else text.encode("utf-16")


def damaged_arrays(arrays, rng):
    """Return arrays by name of which one is dropped, renamed, cut, turned, cast, filled with odd numbers or another."""
    arrays = dict(arrays)
    name = list(arrays)[int(rng.integers(len(arrays)))]
    array = arrays[name]
    match int(rng.integers(8)):
        case 0:
            del arrays[name]
        case 1:
            arrays[f"{name}x"] = arrays.pop(name)
        case 2:
            arrays[name] = array[: len(array) // 2] if array.ndim else array
        case 3:
            arrays[name] = array.T if array.ndim > 1 else array[None]
        case 4:
            kinds = ("f2", ">f8", "i1", "u8", "b1", "c8", "U3", "S3", "m8[s]")
            with np.errstate(all="ignore"):
                try:
                    arrays[name] = array.astype(kinds[int(rng.integers(len(kinds)))])
                except (ValueError, TypeError, RuntimeError):
                    arrays[name] = np.zeros(array.shape)
        case 5 if array.dtype.kind == "f" and array.size:
            array = array.copy()
            array.reshape(-1)[int(rng.integers(array.size))] = (np.nan, np.inf, -1e38, 0)[int(rng.integers(4))]
            arrays[name] = array
        case _:
            arrays[name] = ODD_ARRAYS[int(rng.integers(len(ODD_ARRAYS)))]
    return arrays


def damaged_table(content, rng):
    """Return a table of text in which one cell, line or mark is another."""
    if rng.random() < 0.3:
        return damaged_bytes(content, rng)
    lines = content.decode().split("\n")
    row = int(rng.integers(len(lines)))
    cells = lines[row].split(",")
    column = int(rng.integers(len(cells)))
    odd = ("", "NA", "x", "²", "--3", "1e999", "nan", '"', "é", "9" * 30, "0" * 200_000, ";", "\t", "\0", "a,b", "-1")
    match int(rng.integers(5)):
        case 0:
            cells[column] = odd[int(rng.integers(len(odd)))]
        case 1:
            del cells[column]
        case 2:
            cells.append(cells[column])
        case 3:
            lines.insert(row, lines[row])
        case 4:
            cells[column] = cells[column].upper()
    lines[row] = ",".join(cells)
    return "\n".join(lines).encode()


def _odd(rng):
    return copy.deepcopy(ODD_VALUES[int(rng.integers(len(ODD_VALUES)))])

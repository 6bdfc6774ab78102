"""Contracts that use every feature of contracts, with own fields that keep them and own fields that break them."""

from __future__ import annotations

import shutil
from pathlib import Path

from lakehouse.contract.load import load_contracts
from lakehouse.contract.model import Contracts
from lakehouse.settings import Settings

EVERY_KEYWORD = """
$schema: https://json-schema.org/draft/2020-12/schema
title: everything
description: All that a contract may say.
x-topic: events
x-table: everything
x-owner: nobody
x-version: 1
type: object
properties:
  flag: {type: boolean, default: true, description: d}
  yes_only: {type: boolean, const: true, description: d}
  maybe: {type: [string, "null"], enum: [a, b, null], description: d}
  five: {type: integer, const: 5, description: d}
  half: {type: number, enum: [0.5, 1, -0.0], description: d}
  seven: {type: number, default: 7, description: d}
  words: {type: string, pattern: "^[a-zé]{1,3}$", default: abc, description: d}
  at: {type: string, format: date-time, default: "2026-01-01T00:00:00Z", description: d}
  uid: {type: string, format: uuid, description: d}
  short: {type: string, minLength: 1, maxLength: 2, description: d}
  ints: {type: array, items: {type: [integer, "null"], minimum: 0}, description: d}
  numbers: {type: array, items: {type: number, maximum: 1000}, description: d}
  texts: {type: array, items: {type: string, maxLength: 5}, description: d}
  flags: {type: array, items: {type: boolean}, description: d}
  grid: {type: array, items: {type: array, items: {type: integer}}, description: d}
  open: {type: object, properties: {}, description: d}
  opens: {type: array, items: {type: object, properties: {}}, description: d}
  times: {type: array, items: {type: string, format: date-time}, description: d}
  thing:
    type: object
    description: d
    required: [a]
    properties:
      a: {type: number, description: d}
      b: {type: string, format: date-time, description: d}
      c: {type: string, format: uuid, description: d}
      d: {type: boolean, const: true, description: d}
      e:
        type: object
        description: d
        required: [f]
        properties:
          f: {type: [integer, "null"], description: d}
          g: {type: object, properties: {}, description: d}
"""
UID = "0190163D-8694-739b-aea5-966c26f8ad91"
KEEPING = [
    "",
    '"flag":false,"yes_only":true',
    '"maybe":"a","five":5,"half":0.5',
    '"half":1',
    '"half":0,"at":"1582-10-10T00:00:00-18:00"',
    '"seven":7.25,"words":"é","at":"2026-11-22T10:00:00.123456789+01:00"',
    f'"uid":"{UID}","short":"\U0001f5e1\U0001f5e1"',
    '"ints":[1,null,2],"numbers":[1.0,2.5,1.0E-5],"texts":["a","\\"b"],"flags":[true,false],"grid":[[1,2],[],[3]]',
    '"open":{"a":"1"},"opens":[{"a":"1"},{}]',
    f'"thing":{{"a":1.5,"c":"{UID}","d":true,"e":{{"f":1,"g":{{"x":"1"}}}}}}',
]
BREAKING = [
    '"flag":"true"', '"yes_only":false', '"maybe":null', '"maybe":"c"', '"five":6', '"half":0.25', '"half":-0.0',
    '"seven":-0.0', '"words":"abcd"', '"words":"a\nb"', '"at":"2026-02-30T00:00:00Z"',
    f'"uid":"{UID}0"', '"short":""', '"short":"abc"', '"ints":[-1]', '"ints":["1"]', '"ints":null', '"numbers":[-0.0]',
    '"numbers":[null]', '"numbers":["NaN"]', '"numbers":[1.0E300]', '"numbers":["-Infinity"]', '"texts":["abcdef"]',
    '"texts":[null]', '"texts":[1]', '"flags":["true"]', '"flags":[null]', '"grid":[null]', '"grid":[[null]]', '"grid":[["1"]]',
    '"open":{"a":"1","a":"2"}', '"opens":[{"a":"b","a":"c"}]', '"opens":[null]', '"times":["2026-11-22T10:00:00Z"]',
    '"times":["yesterday"]', '"thing":{}', '"thing":null', '"thing":{"a":"1"}', '"thing":{"a":-0.0}',
    '"thing":{"a":1.5,"d":false}',
    f'"thing":{{"a":1.5,"c":"{UID}\\n"}}', '"thing":{"a":1.5,"b":"2026-11-22T10:00:00Z"}', '"thing":{"a":1.5,"e":{}}',
    '"thing":{"a":1.5,"e":{"f":null}}', '"thing":{"a":1.5,"e":{"f":1,"g":{"x":"1","x":"2"}}}',
]  # fmt: skip

# All that the fast way can check.
EVERY_FAST_KEYWORD = """
$schema: https://json-schema.org/draft/2020-12/schema
title: anything
description: All that a typed decoder can check.
x-topic: events
x-table: anything
x-owner: nobody
x-version: 3
type: object
required: [kind, flag]
properties:
  kind: {type: string, const: plain, description: d}
  flag: {type: boolean, description: d}
  maybe: {type: [string, "null"], enum: [a, b, null], description: d}
  filled: {type: [integer, "null"], default: 5, minimum: -5, description: d}
  level: {type: integer, enum: [1, 2, 30], maximum: 9, description: d}
  big: {type: integer, description: d}
  share: {type: [number, "null"], minimum: 0, maximum: 1, description: d}
  words: {type: string, pattern: "^[a-zé]{1,3}$", minLength: 2, description: d}
  uid: {type: string, format: uuid, description: d}
  at: {type: string, format: date-time, default: "2026-01-01T00:00:00.5+01:00", description: d}
  ended: {type: [string, "null"], format: date-time, description: d}
  ints: {type: array, items: {type: [integer, "null"], minimum: 0}, description: d}
  grid: {type: array, items: {type: array, items: {type: number}}, description: d}
  open: {type: object, properties: {}, description: d}
  opens: {type: array, items: {type: object, properties: {}}, description: d}
  thing:
    type: [object, "null"]
    description: d
    required: [a]
    properties:
      a: {type: string, maxLength: 3, description: d}
      b: {type: [number, "null"], description: d}
      c: {type: array, items: {type: object, properties: {e: {type: boolean, description: d}}}, description: d}
"""
PLAIN = ['"kind":"plain","flag":true' + more for more in (
    "", ',"maybe":"a","filled":null,"level":2,"big":-9223372036854775808', ',"maybe":null,"filled":-5,"share":null,"words":"éa"',
    ',"share":0.25,"uid":"' + UID + '","at":"2026-11-22T10:00:00Z","ended":"0001-01-01T00:00:00.1Z"',
    ',"share":-0.0,"ended":null',
    ',"ints":[1,null,2],"grid":[[1,2.5],[],[-0.0]],"open":{"a":"1"},"opens":[{"a":"1"},{}]', ',"ints":[],"grid":[],"opens":[]',
    ',"thing":{"a":"abc","b":null,"c":[{"e":true},{}]}', ',"thing":null', ',"thing":{"a":""}',
    ',"at":"2024-02-29T00:00:00.123456Z"',
    ',"big":9223372036854775807', ',"share":1', ',"level":30', ',"words":"a"', ',"ints":[-1]', ',"thing":{"a":"abcd"}',
)]  # fmt: skip


def contracts_with_everything(folder: Path) -> Contracts:
    """The project's contracts and these two; `folder`: an empty one to put them into."""
    shutil.copytree(Settings().contracts, folder, dirs_exist_ok=True)
    (folder / "everything.yaml").write_text(EVERY_KEYWORD)
    (folder / "anything.yaml").write_text(EVERY_FAST_KEYWORD)
    return load_contracts(folder)

import assert from "node:assert/strict"
import { suite, test } from "node:test"
import { DecodeError, EncodeError } from "../../src/errors.ts"
import { defaultLimits } from "../../src/limits.ts"
import { parseJson } from "../../src/protocol/json_text.ts"
import { Payload } from "../../src/protocol/payload.ts"
import { type Reading, decode, located, newReading, toJsonable } from "../../src/tuples/convert.ts"
import { DateTime } from "../../src/tuples/date_time.ts"
import { addTupleType, tupleClassOf } from "../../src/tuples/registry.ts"
import { Tuple, tupleTypeOf } from "../../src/tuples/tuple.ts"

const fromJsonable = (value: unknown, reading: Reading): unknown =>
  located(reading, () => decode(value, reading))
import { vectorFiles } from "../files.ts"

class Job extends Tuple {
  static override tupleType = "test.Job"
  id: number | null = null
  title = "untitled"
}

const read = (json: string): unknown => fromJsonable(parseJson(json), newReading(defaultLimits))
const written = (value: unknown): string => JSON.stringify(toJsonable(value))

suite("What is read", () => {
  const cases: [json: string, value: unknown][] = [
    ['{"_ft":"int","_fd":42}', 42],
    ['{"_ft":"int","_fd":9007199254740991}', 9007199254740991],
    ['{"_ft":"int","_fd":9007199254740993}', 9007199254740993n],
    ["[9007199254740993, -9223372036854775808]", [9007199254740993n, -9223372036854775808n]],
    ['{"_ft":"int","_fd":"-9007199254740993"}', -9007199254740993n],
    ['{"_ft":"int","_fd":9007199254740992}', 9007199254740992n],
    ['{"_ft":"int","_fd":1e22}', 10n ** 22n],
    ['{"_ft":"int","_fd":-0.5}', 0],
    ['{"_ft":"int","_fd":" +12 "}', 12],
    ['{"_ft":"float","_fd":9007199254740993}', 9007199254740993n],
    ["0.3333333333333333", 0.3333333333333333],
    ["1234567890123456.5", 1234567890123456.5],
    ["12345678901234567e-1", 1234567890123456.8],
    [
      '["9007199254740993", "NaN", "a\\\\", "\\"12345678901234567890"]',
      ["9007199254740993", "NaN", "a\\", '"12345678901234567890'],
    ],
    ["[NaN, Infinity, -Infinity]", [NaN, Infinity, -Infinity]],
    ['{"_ft":"float","_fd":"1.25"}', 1.25],
    ['{"_ft":"float","_fd":"-inf"}', -Infinity],
    ['{"_ft":"bool","_fd":"1"}', true],
    ['{"_ft":"bool","_fd":true}', false],
    ['{"_ft":"null","_fd":0}', null],
    ['{"_ft":"bytes","_fd":"AP8="}', new Uint8Array([0, 255])],
    ['{"_ft":"dict","_fd":{"_ft":1}}', { _ft: 1 }],
  ]
  for (const [json, value] of cases)
    test(json.slice(0, 60), () => {
      assert.deepStrictEqual(read(json), value)
    })

  const wrong: [json: string, problem: string][] = [
    [
      '{"a":[1,{"b":{"_ft":"datetime","_fd":"tomorrow"}}]}',
      'expected an ISO 8601 date, got "tomorrow" - at .a[1].b',
    ],
    ['{"_ft":"int","_fd":"1.5"}', 'expected a value of the kind "int", got "1.5"'],
    ['{"_ft":"int","_fd":1e999}', 'expected a value of the kind "int", got null'],
    ['{"_ft":"datetime","_fd":"2026-02-30"}', 'expected an ISO 8601 date, got "2026-02-30"'],
    ['{"_ft":"zzz","_fd":1}', 'expected a known _ft, got "zzz"'],
    ['{"_ft":"int"}', 'expected a value of the kind "int", got nothing'],
    ['{"_ct":"gen"}', 'expected a known _ct, got "gen"'],
    ['{"_ct":"rt"}', "expected the name of a tuple's type as _c, got nothing"],
    [
      '{"_ft":"str","_fd":12345678901234567890}',
      'expected a value of the kind "str", got "12345678901234567890"',
    ],
    [
      '{"_ft":12345678901234567890,"_fd":1}',
      'expected a known _ft, got {"_ft":"int","_fd":"12345678901234567890"}',
    ],
  ]
  for (const [json, problem] of wrong)
    test(`${json} is refused, and where it is`, () => {
      assert.throws(() => read(json), new DecodeError(problem))
    })
})

test(
  "a number of too many digits is refused, and none takes longer than its length",
  { timeout: 10_000 },
  () => {
    const digits = "1".repeat(1_000_000)

    assert.throws(() => read(`{"_ft":"int","_fd":"${digits}"}`), DecodeError)
    assert.throws(() => read(digits), DecodeError)
    assert.throws(() => read(`{"_ft":"float","_fd":"${digits}x"}`), DecodeError)
    assert.throws(() => read(`{"_ft":"datetime","_fd":"2026-01-02 03:04:05.${digits}x"}`), DecodeError)
    assert.equal(read(`${digits}.5`), Infinity)
    assert.equal(read(`{"_ft":"int","_fd":"${"1".repeat(4_300)}"}`), BigInt("1".repeat(4_300)))
  },
)

suite("Dates", () => {
  const texts: [text: string, iso: string][] = [
    ["2026-01-02 03:04:05.000006+0000", "2026-01-02T03:04:05.000Z"],
    ["2026-01-02 03:04:05.123456+1000", "2026-01-01T17:04:05.123Z"],
    ["2026-01-02T03:04:05.123Z", "2026-01-02T03:04:05.123Z"],
    ["2026-01-02 03:04:05", "2026-01-02T03:04:05.000Z"],
    ["1900-01-01 00:00:00.000000+001730", "1899-12-31T23:42:30.000Z"],
    ["2024-02-29", "2024-02-29T00:00:00.000Z"],
    ["1-01-01 00:00:00.000000+0000", "0001-01-01T00:00:00.000Z"],
    ["2026-01-02 03:04:05.1234567890+10", "2026-01-01T17:04:05.123Z"],
    ["2024-02-29 23:59:59-0330", "2024-03-01T03:29:59.000Z"],
    ["1969-12-31 23:59:59.999999+0000", "1969-12-31T23:59:59.999Z"],
  ]
  for (const [text, iso] of texts)
    test(`${text} is that moment, and goes back as it came`, () => {
      const date = read(JSON.stringify({ _ft: "datetime", _fd: text }))

      assert.ok(date instanceof DateTime)
      assert.equal(date.toISOString(), iso)
      assert.deepEqual(toJsonable(date), { _ft: "datetime", _fd: text })
    })

  for (const text of [
    "2026-02-29",
    "2026-04-31 00:00:00",
    "2026-13-01",
    "2026-00-01",
    "2026-01-00",
    "2026-1-2",
    "2026-01-02 24:00:00",
    "2026-01-02 03:60:00",
    "2026-01-02 03:04:60",
    "2026-01-02 03",
    "02026-01-02",
    "",
  ])
    // prettier-ignore
    test(`${JSON.stringify(text)} is none`, () => {
      assert.throws(() => new DateTime(text), DecodeError)
    })

  test("tell the microseconds that a Date has no room for", () => {
    assert.equal(new DateTime("2026-01-02 03:04:05.123456+0000").microseconds, 456)
    assert.equal(new DateTime("2026-01-02 03:04:05.1234+0000").microseconds, 400)
    assert.equal(new DateTime("2026-01-02 03:04:05+0000").microseconds, 0)
  })

  test("one that was changed goes out as what it is now", () => {
    const date = new DateTime("2026-01-02 03:04:05.000006+0000")
    date.setUTCFullYear(2027)

    assert.deepEqual(toJsonable(date), { _ft: "datetime", _fd: "2027-01-02 03:04:05.000000+0000" })
  })

  test("a Date goes out in UTC, with six digits", () => {
    assert.equal(
      written(new Date(1_700_000_000_123)),
      '{"_ft":"datetime","_fd":"2023-11-14 22:13:20.123000+0000"}',
    )
  })

  test("no date, and a year of five digits, cannot travel", () => {
    assert.throws(
      () => toJsonable({ when: new Date(NaN) }),
      new EncodeError("expected a Date of the years 0 to 9999, got Invalid Date", ".when"),
    )
    assert.throws(() => toJsonable(new Date(8e15)), EncodeError)
  })
})

suite("What is written", () => {
  const cases: [value: unknown, json: string][] = [
    [[1, -1.5, true, null, "é", undefined], '[1,-1.5,true,null,"é",null]'],
    [2n ** 63n, '{"_ft":"int","_fd":"9223372036854775808"}'],
    [NaN, '{"_ft":"float","_fd":"nan"}'],
    [-Infinity, '{"_ft":"float","_fd":"-inf"}'],
    [new Uint8Array([0, 255]), '{"_ft":"bytes","_fd":"AP8="}'],
    [new Set(["a"]), '["a"]'],
    [new Map([[1, "x"]]), '{"1":"x"}'],
    [{ a: undefined, b: 1 }, '{"b":1}'],
    [{ _ft: "x" }, '{"_ft":"dict","_fd":{"_ft":"x"}}'],
    [new Tuple("x.Y", { a: 1, _b: 2 }), '{"_ct":"rt","_c":"x.Y","a":1}'],
    [Job.of({ id: 3 }), '{"_ct":"rt","_c":"test.Job","id":3,"title":"untitled"}'],
  ]
  for (const [value, json] of cases)
    test(json, () => {
      assert.equal(written(value), json)
    })

  test("is what VortexJS wrote of the same values", () => {
    const vectors = vectorFiles().get("codec_vortexjs242") ?? []
    let compared = 0
    for (const { value, field_json: json } of vectors) {
      // Numbers, texts and lists are noted as what they are; of the rest the notation is not JavaScript.
      const number = (value as { number?: string } | null)?.number
      const plain = number === undefined ? value : Number(number)
      if (json === undefined || JSON.stringify(plain ?? 0).includes("{") || !Number.isFinite(plain ?? 0))
        continue
      assert.equal(written(plain), JSON.stringify(json))
      compared++
    }
    assert.equal(compared, 6)
  })

  for (const key of [null, true, [1], new Date(0), Symbol("x")])
    test(`a Map with ${String(key)} as a key cannot travel`, () => {
      assert.throws(() => toJsonable({ a: new Map([[key, 1]]) }), EncodeError)
    })

  test("names that reach a prototype are dropped as keys", () => {
    assert.equal(written(JSON.parse('{"__proto__":{"a":1},"b":2}')), '{"b":2}')
    assert.equal(written(new Map([["__proto__", 1]])), "{}")
    assert.equal(written({ constructor: 1, prototype: 2, b: 3 }), '{"b":3}')
  })

  for (const [what, value] of Object.entries({
    function: (): number => 1,
    symbol: Symbol("x"),
    RegExp: /x/,
    Promise: Promise.resolve(),
  }))
    test(`a ${what} cannot travel, and where it is is told`, () => {
      assert.throws(() => toJsonable({ a: [value] }), /cannot travel - at \.a\[0\]$/)
    })

  test("what holds itself cannot travel", () => {
    const ring: unknown[] = []
    ring.push(ring)

    assert.throws(() => toJsonable(ring), EncodeError)
  })
})

suite("Tuples", () => {
  test("arrive as instances of the class of their type, with its defaults for what did not come", () => {
    addTupleType(Job)
    const job = read('{"_ct":"rt","_c":"test.Job","id":{"_ft":"int","_fd":3},"more":1,"_hidden":2}')

    assert.ok(job instanceof Job)
    assert.deepEqual(Object.entries(job), [
      ["id", 3],
      ["title", "untitled"],
      ["more", 1],
    ])
    assert.equal(tupleTypeOf(job), "test.Job")
  })

  class Strict extends Tuple {
    static override tupleType = "test.Strict"
    size = 3
    get doubled(): number {
      return this.size * 2
    }
    describe(): string {
      return `of ${this.size}`
    }
  }

  test("keep their methods, whatever is sent under such a name", () => {
    addTupleType(Strict)
    const sent = '"toString":5,"describe":1,"doubled":2,"hasOwnProperty":3,"valueOf":{},"a":1'
    const strict = read(`{"_ct":"rt","_c":"test.Strict",${sent}}`) as Strict
    const generic = read(`{"_ct":"rt","_c":"no.such",${sent}}`) as Tuple

    assert.deepEqual(Object.entries(strict), [
      ["size", 3],
      ["a", 1],
    ])
    assert.deepEqual([strict.describe(), strict.doubled], ["of 3", 6])
    assert.deepEqual(Object.entries(generic), [
      ["describe", 1],
      ["doubled", 2],
      ["a", 1],
    ])
    assert.equal(Reflect.get(generic, "toString"), Reflect.get(Object.prototype, "toString"))
  })

  test("whose class does not take a value are refused, and where is told", () => {
    class Picky extends Tuple {
      static override tupleType = "test.Picky"
      size = 0
      constructor() {
        super()
        Object.freeze(this)
      }
    }
    addTupleType(Picky)

    assert.throws(
      () => read('[{"_ct":"rt","_c":"test.Picky","size":{"_ct":"rt","_c":"test.Picky","size":1}}]'),
      (error: Error) =>
        error instanceof DecodeError && /TypeError: .*size.* - at \[0\]\.size$/.test(error.message),
    )
  })

  test("of a type without a class are generic ones", () => {
    const tuple = read('{"_ct":"rt","_c":"no.such","a":1}') as Tuple

    assert.equal(tuple.constructor, Tuple)
    assert.equal(tupleTypeOf(tuple), "no.such")
    assert.deepEqual(Object.entries(tuple), [["a", 1]])
  })

  test("a class added under a name that is taken replaces the other", () => {
    const Other = class extends Tuple {
      static override tupleType = "test.Job"
    }
    addTupleType(Other)

    assert.equal(tupleClassOf("test.Job"), Other)
    addTupleType(Job)
  })

  test("a class has to name its type", () => {
    assert.throws(
      () => addTupleType(class Nameless extends Tuple {}),
      new TypeError('Nameless needs a static tupleType, as in "demo.Job"'),
    )
  })

  test("may hold payloads", () => {
    const json = '{"_ct":"rp","filt":{"key":"in"},"tuples":[1],"date":null}'
    const payload = read(json)

    assert.ok(payload instanceof Payload)
    assert.deepEqual([payload.filt, payload.tuples], [{ key: "in" }, [1]])
    assert.deepEqual((toJsonable(payload) as { tuples: unknown }).tuples, [1])
  })
})

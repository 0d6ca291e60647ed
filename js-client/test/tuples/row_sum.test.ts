/** Row sums: of each kind of value, against zlib's CRC-32 of bytes written by hand. */

import assert from "node:assert/strict"
import { mock, test } from "node:test"
import { crc32 } from "node:zlib"
import { DateTime } from "../../src/tuples/date_time.ts"
import { rowSum } from "../../src/tuples/row_sum.ts"
import { Tuple } from "../../src/tuples/tuple.ts"

/** Bytes as texts, and as numbers. */
const sumOf = (...parts: readonly (string | number)[]): number =>
  crc32(Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.of(part)))))

const long = "ä".repeat(100)

for (const [name, value, parts] of [
  ["null", null, ["n"]],
  ["true", true, ["t"]],
  ["false", false, ["f"]],
  ["a whole number", -42, ["i-42;"]],
  ["a zero with a sign", -0, ["i0;"]],
  ["the last whole number", 2 ** 53 - 1, ["i9007199254740991;"]],
  ["an integer behind it", 9007199254740993n, ["i9007199254740993;"]],
  ["2^53, which is no exact number any more", 2 ** 53, ["d", 0x43, 0x40, 0, 0, 0, 0, 0, 0]],
  ["a fraction", 1.5, ["d", 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]],
  ["NaN", NaN, ["d", 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]],
  ["minus infinity", -Infinity, ["d", 0xff, 0xf0, 0, 0, 0, 0, 0, 0]],
  ["text, its length in bytes", "aé", ["s", 3, "a", 0xc3, 0xa9]],
  ["a long text", long, ["s", 0xc8, 1, long]],
  ["half of a pair of surrogates", "\ud800", ["s", 3, 0xef, 0xbf, 0xbd]],
  ["a list", [1, [null]], ["[i1;[n]]"]],
  [
    "an object, by the bytes of its keys",
    { "\u{10000}": 1, "\uffff": 2, b: null, ab: [], c: undefined },
    ["{s", 2, "ab[]s", 1, "bns", 3, "\uffff", "i2;s", 4, "\u{10000}", "i1;}"],
  ],
  [
    "a tuple, without what is null or has no value",
    new Tuple("x.Y", { b: 1, a: "z", c: null, d: undefined, _e: 1 }),
    ["(s", 3, "x.Ys", 1, "as", 1, "zs", 1, "bi1;)"],
  ],
  ["a tuple in a tuple", new Tuple("A", { b: new Tuple("C", {}) }), ["(s", 1, "As", 1, "b(s", 1, "C))"]],
  [
    "a datetime",
    new DateTime("2024-02-29 13:14:15.123456+0000"),
    ["x", 31, "2024-02-29 13:14:15.123456+0000"],
  ],
  ["a day", new DateTime("2024-02-29"), ["x", 10, "2024-02-29"]],
  ["bytes", Uint8Array.of(0, 255), ["x", 4, "AP8="]],
] as const)
  // prettier-ignore
  test(`the sum of ${name}`, () => {
    assert.equal(rowSum(value), sumOf(...parts))
  })

test("a row of plain letters is summed up without an encoder, for there are thousands of them", () => {
  const encode = mock.method(TextEncoder.prototype, "encode")
  rowSum(new Tuple("x.Y", { title: "plain", due: new DateTime("2024-02-29"), bytes: Uint8Array.of(0, 255) }))
  assert.equal(encode.mock.callCount(), 0)
  rowSum("é")
  assert.equal(encode.mock.callCount(), 1)
  mock.restoreAll()
})

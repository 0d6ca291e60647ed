/**
 * Row sums: a number for a value, the same in every language, to find out whether two ends hold the same.
 *
 * It is the CRC-32 of bytes that docs/reference/live-data.md writes down (section 5). It finds accidents; it is no
 * protection against somebody who means harm.
 */

import { toBase64 } from "../protocol/base64.ts"
import { varint } from "../protocol/native.ts"
import { isDict, isField } from "./convert.ts"
import { wireText } from "./date_time.ts"
import { Tuple, tupleTypeOf } from "./tuple.ts"

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1
  return byte
})

const encoder = new TextEncoder()

/**
 * The row sum of *value*, 0 to 2^32 - 1.
 *
 * @throws EncodeError if there is an invalid Date in it.
 */
export function rowSum(value: unknown): number {
  let crc = -1
  const put = (bytes: Iterable<number>): void => {
    for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8)
  }
  const mark = (letters: string): void => {
    put(encoder.encode(letters))
  }
  const text = (letters: string, kind = "s"): void => {
    const bytes = encoder.encode(letters)
    mark(kind)
    put(varint(bytes.length))
    put(bytes)
  }
  const fields = (pairs: Iterable<readonly [unknown, unknown]>): void => {
    const there = Array.from(pairs, ([name, item]) => [String(name), item] as const)
    for (const [name, item] of there.sort(([a], [b]) => inBytes(a, b))) {
      text(name)
      add(item)
    }
  }
  const add = (item: unknown): void => {
    if (typeof item === "string") text(item)
    else if (typeof item === "boolean") mark(item ? "t" : "f")
    else if (typeof item === "bigint" || Number.isSafeInteger(item)) mark(`i${String(item)};`)
    else if (typeof item === "number") {
      const view = new DataView(new ArrayBuffer(8))
      view.setFloat64(0, item)
      mark("d")
      put(new Uint8Array(view.buffer))
    } else if (Array.isArray(item) || item instanceof Set) {
      mark("[")
      for (const each of item as Iterable<unknown>) add(each)
      mark("]")
    } else if (item instanceof Tuple) {
      mark("(")
      text(tupleTypeOf(item))
      fields(Object.entries(item).filter(([name, field]) => (field ?? null) !== null && isField(item, name)))
      mark(")")
    } else if (item instanceof Date) text(wireText(item), "x")
    else if (item instanceof Uint8Array) text(toBase64(item), "x")
    else if (isDict(item)) {
      mark("{")
      fields(
        [...(item instanceof Map ? item : Object.entries(item))].filter(([, field]) => field !== undefined),
      )
      mark("}")
    } else mark("n")
  }
  add(value)
  return ~crc >>> 0
}

/** The order of the UTF-8 of two texts, which is that of their code points. */
function inBytes(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => encoder.encode(text))
  for (let at = 0; left && right && at < left.length; at++) {
    const by = (left[at] ?? 0) - (right[at] ?? -1)
    if (by) return by
  }
  return a.length - b.length
}

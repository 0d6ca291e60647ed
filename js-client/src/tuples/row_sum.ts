/**
 * Row sums: a number for a value, the same in every language, to find out whether two ends hold the same.
 *
 * It is the CRC-32 of bytes that docs/reference/live-data.md writes down (section 5). It finds accidents; it is no
 * protection against somebody who means harm.
 */

import { lettersOf, toBase64 } from "../protocol/base64.ts"
import { encoder, varint } from "../protocol/native.ts"
import { isDict, isField, pairsOf } from "./convert.ts"
import { wireText } from "./date_time.ts"
import { Tuple, tupleTypeOf } from "./tuple.ts"

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1
  return byte
})

/** Letters that are one byte each. */
const ASCII = /^[\0-\x7f]*$/

/**
 * The row sum of *value*, 0 to 2^32 - 1.
 *
 * A check asks it of all rows at once, and a page does nothing else meanwhile: so it is the way that is fast.
 *
 * @throws EncodeError if there is an invalid Date in it.
 */
export function rowSum(value: unknown): number {
  const bytes = bytesOf(value)
  let crc = -1
  for (let at = 0; at < bytes.length; at++)
    crc = (TABLE[(crc ^ bytes.charCodeAt(at)) & 0xff] ?? 0) ^ (crc >>> 8)
  return ~crc >>> 0
}

/** What of *item* is summed up, each byte as a letter: most of it is such letters as it comes. */
function bytesOf(item: unknown): string {
  if (typeof item === "string") return counted("s", item)
  if (typeof item === "boolean") return item ? "t" : "f"
  if (typeof item === "bigint" || Number.isSafeInteger(item)) return `i${String(item)};`
  if (typeof item === "number") {
    const view = new DataView(new ArrayBuffer(8))
    view.setFloat64(0, item)
    return `d${lettersOf(new Uint8Array(view.buffer))}`
  }
  if (Array.isArray(item) || item instanceof Set) return `[${Array.from(item, bytesOf).join("")}]`
  if (item instanceof Tuple) {
    const there = Object.entries(item).filter(
      ([name, field]) => (field ?? null) !== null && isField(item, name),
    )
    return `(${counted("s", tupleTypeOf(item))}${fields(there)})`
  }
  if (item instanceof Date) return counted("x", wireText(item))
  if (item instanceof Uint8Array) return counted("x", toBase64(item))
  if (!isDict(item)) return "n"
  return `{${fields([...pairsOf(item)].filter(([, field]) => field !== undefined))}}`
}

/** Names and values, in the order of the names' bytes. */
const fields = (pairs: readonly (readonly [unknown, unknown])[]): string =>
  pairs
    .map(([name, item]) => ({ name: utf8(String(name)), item }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, item }) => `s${countOf(name)}${name}${bytesOf(item)}`)
    .join("")

function counted(kind: string, text: string): string {
  const bytes = utf8(text)
  return kind + countOf(bytes) + bytes
}

const countOf = (bytes: string): string => String.fromCharCode(...varint(bytes.length))

const utf8 = (text: string): string => (ASCII.test(text) ? text : lettersOf(encoder.encode(text)))

/**
 * Native messages: payloads as bytes, as they stand in the frames of our own wire.
 *
 *     flags, length of the head (varint), head (JSON: filt, result, date), body
 *
 * A body is JSON too, perhaps compressed: groups of tuples of one type, each a list of fields, the kind of each,
 * and a list of values for each tuple. Values that have no kind of their own stand there as `convert` has them.
 */

import { DecodeError, LimitExceeded, unexpected } from "../errors.ts"
import type { Limits } from "../limits.ts"
import {
  type Reading,
  decode,
  decodeAt,
  enter,
  integer,
  isField,
  isPlain,
  located,
  newReading,
  newTuple,
  ofText,
  toJsonable,
  typeToSend,
} from "../tuples/convert.ts"
import { DateTime } from "../tuples/date_time.ts"
import { type AnyTuple, Tuple } from "../tuples/tuple.ts"
import { fromBase64 } from "./base64.ts"
import { through } from "./compression.ts"
import type { Envelope } from "./envelope.ts"
import { readJson } from "./json_text.ts"
import { type Bytes, joined, jsonBytes, readVarint, varint } from "./native.ts"
import { Payload } from "./payload.ts"

/** What a message is, for who has it written. */
export const IS_REPLY = 1
export const EXPECTS_ANSWER = 8

const IS_COMPRESSED = 2
const HAS_BODY = 4

/** A body of fewer bytes is not worth compressing. */
const COMPRESS_FROM = 256

/** Microseconds of year 1 and of year 10000. */
const FIRST_DATE = -62_135_596_800e6
const END_OF_DATES = 253_402_300_800e6

type Json = Readonly<Record<string, unknown>>

// ---- in

/**
 * Read one message, but not what is in its body.
 *
 * @throws DecodeError, LimitExceeded
 */
export function readMessage(bytes: Uint8Array, limits: Limits): Envelope {
  const [flags = 0] = bytes
  const [length, start] = readVarint(bytes, 1)
  const end = start + length
  const hasBody = (flags & HAS_BODY) > 0
  const isWhole = hasBody ? end <= bytes.length : end === bytes.length && !(flags & IS_COMPRESSED)
  if (flags > 15 || (flags & IS_REPLY && flags & EXPECTS_ANSWER) || !isWhole)
    throw new DecodeError("expected a message")
  const head = readJson(bytes.subarray(start, end))
  if (!isPlain(head)) throw unexpected("an object", head, ".head")
  const reading = newReading(limits)
  const part = (name: string): unknown => located(reading, () => decodeAt(name, head[name] ?? null, reading))
  const filt = part("f") ?? {}
  if (!isPlain(filt)) throw unexpected("an object", filt, ".f")
  if (Object.keys(filt).length > limits.maxFiltItems)
    throw new LimitExceeded("maxFiltItems", "a filt has too many keys")
  const made = head["d"] ?? null
  const date = isPlain(made) ? floatOf(made) : made
  if (date !== null && !isDate(date)) throw unexpected("microseconds", date, ".d")
  const result = part("r")
  const sent = date === null ? null : new Date(Math.floor(date / 1000))
  return {
    filt,
    result,
    date: sent,
    isReply: (flags & IS_REPLY) > 0,
    open: async (itsLimits) => {
      let body = bytes.subarray(end) as Bytes
      if (flags & IS_COMPRESSED)
        body = await through(new DecompressionStream("deflate"), body, itsLimits.maxInflated)
      return new Payload(filt, hasBody ? decodeBody(body, itsLimits) : [], result, sent)
    },
  }
}

const isDate = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= FIRST_DATE && (value as number) < END_OF_DATES

function decodeBody(body: Uint8Array, limits: Limits): unknown[] {
  const groups = readJson(body)
  const reading = newReading(limits)
  return located(reading, () => {
    const values: unknown[] = []
    if (!Array.isArray(groups)) throw new DecodeError("expected groups")
    reading.path.push("tuples")
    for (const group of groups as unknown[]) readGroup(group, values, reading)
    return values
  })
}

/** What is in a group; undefined and anything else where it is none. */
interface Group {
  readonly t?: unknown
  readonly f?: unknown
  readonly k?: unknown
  readonly r?: unknown
  readonly v?: unknown
}

/** Adds the values of *group* to *values*. */
function readGroup(group: unknown, values: unknown[], reading: Reading): void {
  const { t: type, f: names, k: kinds, r: rows, v: others } = (group ?? {}) as Group
  const { length } = Object.keys(group ?? {})
  if (length === 1 && Array.isArray(others)) {
    enter(reading, others.length)
    for (const value of others) values.push(decodeAt(values.length, value, reading))
    reading.depthLeft++
    return
  }
  if (
    length !== 4 ||
    typeof type !== "string" ||
    typeof kinds !== "string" ||
    !Array.isArray(rows) ||
    !isNames(names) ||
    kinds.length !== names.length ||
    /[^pifdDbj]/.test(kinds)
  )
    throw unexpected("a group", group)
  enter(reading, rows.length)
  enter(reading, rows.length * names.length)
  const columns = names.map((name, index) => ({ name, index, kind: kinds.charAt(index) as ColumnKind }))
  let fields: readonly Column[] | undefined
  for (const row of rows as unknown[]) {
    reading.path.push(values.length)
    if (!Array.isArray(row) || row.length !== names.length) throw unexpected(`${names.length} values`, row)
    const tuple = newTuple(type)
    fields ??= columns.filter(({ name }) => isField(tuple, name))
    readRow(tuple, row, fields, reading)
    values.push(tuple)
    reading.path.pop()
  }
  reading.depthLeft += 2
}

const isNames = (value: unknown): value is string[] =>
  Array.isArray(value) &&
  new Set(value).size === value.length &&
  value.every((item) => typeof item === "string" && !item.startsWith("_"))

interface Column {
  readonly name: string
  readonly index: number
  readonly kind: ColumnKind
}

function readRow(tuple: Tuple, row: readonly unknown[], fields: readonly Column[], reading: Reading): void {
  for (const { name, index, kind } of fields) {
    const raw = row[index]
    reading.path.push(name)
    const value = raw === null ? null : readers[kind](raw, reading)
    if (value === undefined) throw unexpected(`a value of kind ${kind}`, raw)
    ;(tuple as AnyTuple)[name] = value
    reading.path.pop()
  }
}

/** How a column's values are read; what comes is undefined where it is not what it should be. */
const readers = {
  p: (value: unknown) => (typeof value === "object" ? wholeNumber(value) : value),
  i: (value: unknown) =>
    typeof value === "number" ? (Number.isInteger(value) ? integer(value) : undefined) : wholeNumber(value),
  f: (value: unknown) => {
    if (typeof value === "number") return value
    if (typeof value !== "string") return floatOf(value)
    return /^(NaN|-?Infinity)$/.test(value) ? Number(value) : undefined
  },
  d: ofText((text) => (text.includes(":") ? new DateTime(text) : undefined)),
  D: ofText((text) => (text.includes(":") ? undefined : new DateTime(text))),
  b: ofText(fromBase64),
  j: decode,
}

type ColumnKind = keyof typeof readers

/** A number of many digits, as `json_text` has it. */
function wholeNumber(value: unknown): unknown {
  return isPlain(value) && value["_ft"] === "int" ? integer(value["_fd"]) : undefined
}

function floatOf(value: unknown): number | undefined {
  const number = wholeNumber(value)
  return number === undefined ? undefined : Number(number)
}

// ---- out

/**
 * *payload* as one message.
 *
 * @throws EncodeError if it holds what cannot travel.
 */
export async function encodeMessage(payload: Payload, flags = 0): Promise<Bytes> {
  const filt = toJsonable(payload.filt, ".filt") as Json
  const head = {
    f: Object.keys(filt).length ? filt : undefined,
    r: toJsonable(payload.result, ".result") ?? undefined,
    d: microsecondsOf(payload.date ?? new Date()),
  }
  let body: Bytes | undefined
  if (payload.tuples.length) {
    flags |= HAS_BODY
    body = jsonBytes(payload.tuples.map(groupOf))
    const compressed =
      body.length < COMPRESS_FROM ? body : await through(new CompressionStream("deflate"), body, Infinity)
    if (compressed.length < body.length) {
      flags |= IS_COMPRESSED
      body = compressed
    }
  }
  const headBytes = jsonBytes(head)
  return joined([[flags], varint(headBytes.length), headBytes, body ?? []])
}

function microsecondsOf(date: Date): number {
  return date.getTime() * 1000 + (date instanceof DateTime ? date.microseconds : 0)
}

/**
 * *value* as a group by itself, in columns that hold anything: pages send few tuples, and what is in a column's name
 * twice is compressed away.
 */
function groupOf(value: unknown, index: number): object {
  const path = `.tuples[${index}]`
  if (!(value instanceof Tuple)) return { v: [toJsonable(value, path)] }
  const type = typeToSend(value, path)
  // What is not there is left as it is by the one who reads this.
  const fields = Object.entries(value).filter(([name, item]) => isField(value, name) && item !== undefined)
  return {
    t: type,
    f: fields.map(([name]) => name),
    k: "j".repeat(fields.length),
    r: [fields.map(([name, item]) => toJsonable(item, `${path}.${name}`))],
  }
}

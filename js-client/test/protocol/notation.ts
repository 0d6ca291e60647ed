/**
 * The notation of the recorded vectors, and the wire's rules written down a second time, slowly and on their own.
 *
 *     normal(notation)     what was recorded, with one form for what JavaScript has one form for
 *     notationOf(value)    the same, of what we read
 *     meaningOf(json)      the same, of JSON by the rules
 *     valueOf(notation)    the value itself, to be written
 *
 * JavaScript has one kind of number, and keys that are texts. Two notations mean the same if `canonical` is.
 * Runs in Node and in a page.
 */

import type { Envelope } from "../../src/protocol/envelope.ts"
import { Payload } from "../../src/protocol/payload.ts"
import { DateTime } from "../../src/tuples/date_time.ts"
import { Tuple, tupleTypeOf } from "../../src/tuples/tuple.ts"

/** Stands for what is refused, by us or by who was recorded. */
export const REFUSED = "<refused>"

/** What the rules do not read. */
export class NoRule extends Error {}

type Json = Readonly<Record<string, unknown>>

const ENUMS = new Map<string, unknown>([
  ["Colour.RED", "red"],
  ["Colour.BLUE", "blue"],
  ["Level.LOW", 1],
  ["Level.HIGH", 9],
  ["Plain.A", 1],
])

// ---- of what was recorded

export function normal(notation: unknown): unknown {
  if (typeof notation !== "object" || notation === null) return notation
  if (Array.isArray(notation)) return notation.map(normal)
  const object = notation as Json
  const [first] = Object.entries(object)
  if (!first) return notation
  const [kind, data] = first
  switch (kind) {
    case "int":
      return { number: String(BigInt(String(data))) }
    case "float":
    case "number":
    case "decimal":
      return { number: numberText(numberOf(String(data))) }
    case "datetime":
      return { instant: instantOf(String(data)) }
    case "date":
      return String(data).includes("T") ? { instant: instantOf(String(data)) } : notation
    case "js":
      return null
    case "enum":
      return notationOf(ENUMS.get(String(data)))
    case "set":
    case "pytuple":
      return normal(data)
    case "dict":
      return { dict: (data as [unknown, unknown][]).map(([key, item]) => [keyText(key), normal(item)]) }
    case "tuple":
      return { tuple: data, fields: mapped(object["fields"] as Json, normal) }
    case "payload":
      return { payload: mapped(parts(data as Json, ["filt", "tuples", "date"]), normal) }
    case "envelope":
      return { envelope: mapped(parts(data as Json, ["filt", "result", "date"]), normal) }
  }
  return notation
}

function keyText(key: unknown): string {
  return typeof key === "string" ? key : (Object.values(key as Json)[0] as string)
}

function numberOf(text: string): number {
  return new Map([
    ["nan", NaN],
    ["inf", Infinity],
    ["-inf", -Infinity],
  ]).get(text) ?? Number(text) // prettier-ignore
}

function numberText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value)
}

const mapped = (object: Json, change: (value: unknown) => unknown): unknown =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]))

const parts = (object: Json, names: readonly string[]): Json =>
  Object.fromEntries(names.map((name) => [name, object[name] ?? null]))

/** Microseconds since 1970, of an ISO text with or without an offset, as text. */
function instantOf(text: string): string {
  const found = /^(\d+)-(\d+)-(\d+)[T ](\d+):(\d+):(\d+)(?:\.(\d+))?(Z|[+-][\d:]+)?$/.exec(text)
  if (!found) throw new NoRule(`no moment: ${text}`)
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map(Number)
  const start = new Date(0)
  start.setUTCFullYear(year, month - 1, day)
  start.setUTCHours(hour, minute, second)
  const digits = (found[8] ?? "Z").replaceAll(/[Z:]/g, "")
  const [hours = 0, minutes = 0, seconds = 0] = (digits.slice(1).match(/\d\d/g) ?? []).map(Number)
  const offset = (hours * 3600 + minutes * 60 + seconds) * (digits.startsWith("-") ? -1 : 1)
  const fraction = Number((found[7] ?? "").padEnd(6, "0"))
  return String(BigInt(start.getTime() - offset * 1000) * 1000n + BigInt(fraction))
}

// ---- of what we read

export function notationOf(value: unknown): unknown {
  if (typeof value === "number") return { number: numberText(value) }
  if (typeof value === "bigint") return { number: String(value) }
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(notationOf)
  if (value instanceof Payload)
    return { payload: mapped({ filt: value.filt, tuples: value.tuples, date: value.date }, notationOf) }
  if ("open" in value) {
    const { filt, result, date } = value as Envelope
    return { envelope: mapped({ filt, result, date }, notationOf) }
  }
  if (value instanceof DateTime) {
    if (/^\d+-\d+-\d+$/.test(value.text)) return { date: value.text }
    const instant = instantOf(value.text)
    // A Date's milliseconds are the text's, rounded down.
    const milliseconds = BigInt(instant) / 1000n - (BigInt(instant) % 1000n < 0n ? 1n : 0n)
    if (BigInt(value.getTime()) !== milliseconds) return `${value.text} is not ${value.toISOString()}`
    return { instant }
  }
  if (value instanceof Uint8Array) return { bytes: btoa(String.fromCharCode(...value)) }
  if (value instanceof Tuple)
    return { tuple: tupleTypeOf(value), fields: mapped(value as object as Json, notationOf) }
  return { dict: Object.entries(value).map(([key, item]) => [key, notationOf(item)]) }
}

// ---- of JSON, by the rules

/** @throws NoRule where the rules do not read it: it should be refused. */
export function meaningOf(json: unknown): unknown {
  if (typeof json === "number") return { number: numberText(json) }
  if (typeof json !== "object" || json === null) return json
  if (Array.isArray(json)) return json.map(meaningOf)
  const object = json as Json
  if (Object.hasOwn(object, "_ft")) return meaningOfTagged(object)
  const { _ct: kind, _c: type, ...rest } = object
  switch (kind) {
    case undefined:
      return { dict: Object.entries(object).map(([key, item]) => [key, meaningOf(item)]) }
    case "rt":
      if (typeof type !== "string") throw new NoRule("a tuple without a type")
      return {
        tuple: type,
        fields: mapped(
          Object.fromEntries(Object.entries(rest).filter(([name]) => !name.startsWith("_"))),
          meaningOf,
        ),
      }
    case "rp":
      return { payload: mapped(parts(rest, ["filt", "tuples", "date"]), meaningOf) }
    case "rpe":
      return { envelope: mapped(parts(rest, ["filt", "result", "date"]), meaningOf) }
  }
  throw new NoRule(`_ct = ${JSON.stringify(kind)}`)
}

function meaningOfTagged({ _ft: kind, _fd: data }: Json): unknown {
  if (data === undefined) throw new NoRule("no _fd")
  if (data === null) return null
  const text = typeof data === "string" ? data : JSON.stringify(data)
  switch (kind) {
    case "int":
    case "float":
      if (/^"-?\d+"$/.test(JSON.stringify(data))) return { number: String(BigInt(text)) }
      return {
        number: numberText(kind === "int" ? Math.trunc(Number(text)) : numberOf(text.toLowerCase())),
      }
    case "bool":
      return data === "1"
    case "str":
      return data
    case "bytes":
    case "wkb":
      return { bytes: btoa(atob(text)) }
    case "datetime":
      return /^\d+-\d+-\d+$/.test(text) ? { date: text } : { instant: instantOf(text) }
    case "list":
      return meaningOf(data)
    case "dict":
      return { dict: Object.entries(data).map(([key, item]) => [key, meaningOf(item)]) }
  }
  throw new NoRule(`_ft = ${JSON.stringify(kind)}`)
}

/** What Python writes as bare words, as text that JSON.parse reads; for texts that have none in strings. */
export const strictJson = (text: string): unknown =>
  JSON.parse(
    text.replaceAll(/([:,[] ?)(NaN|-?Infinity)/g, '$1{"_ft":"float","_fd":"$2"}').replaceAll("nfinity", "nf"),
  )

// ---- the values, to be written

export function valueOf(notation: unknown): unknown {
  if (typeof notation !== "object" || notation === null) return notation
  if (Array.isArray(notation)) return notation.map(valueOf)
  const object = notation as Json
  const [[kind, data] = ["", null]] = Object.entries(object)
  switch (kind) {
    case "int": {
      const number = Number(data)
      return Number.isSafeInteger(number) ? number : BigInt(String(data))
    }
    case "float":
    case "number":
    case "decimal":
      return numberOf(String(data))
    case "datetime":
      return new DateTime(String(data))
    case "date":
      return String(data).includes("T") || data === "Invalid Date"
        ? new Date(String(data))
        : new DateTime(String(data))
    case "bytes":
      return Uint8Array.from(atob(String(data)), (char) => char.charCodeAt(0))
    case "js":
      return undefined
    case "enum":
      return ENUMS.get(String(data))
    case "set":
      return new Set((data as unknown[]).map(valueOf))
    case "pytuple":
      return valueOf(data)
    case "dict":
      return new Map((data as [unknown, unknown][]).map(([key, item]) => [valueOf(key), valueOf(item)]))
    case "tuple":
      return new Tuple(String(data), mapped(object["fields"] as Json, valueOf) as Json)
    case "repr":
      return valueOf
    case "payload":
    case "envelope": {
      const { filt, tuples, data: body, result, date } = data as Json
      const content = kind === "payload" ? tuples : body
      const made = new Payload(
        Object.fromEntries(valueOf(filt) as Map<string, unknown>),
        Array.isArray(content) ? (valueOf(content) as unknown[]) : [],
        valueOf(result ?? null),
        valueOf(date) as Date | null,
      )
      return made
    }
  }
  throw new Error(`unknown notation: ${JSON.stringify(notation)}`)
}

// ---- comparing

/** One text for each meaning: the order of a dict, and of fields, does not matter. */
export function canonical(notation: unknown): string {
  return JSON.stringify(ordered(notation))
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered)
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => [key, ordered(item)])
  if (entries.length === 1 && entries[0]?.[0] === "dict")
    return { dict: (entries[0][1] as unknown[]).map((item) => JSON.stringify(item)).sort() }
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

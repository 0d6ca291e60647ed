/**
 * The recorded vectors, and whether what we read is what was meant. Runs in Node and in a page.
 *
 * A vector's meaning is its `decoded`, in a notation of its own: {"int": "5"}, {"tuple": type, "fields": ...}. What
 * JavaScript has one form for is brought to one form first: numbers, and the keys of objects, which are texts.
 */

import { VortexError } from "../../src/errors.ts"
import { defaultLimits } from "../../src/limits.ts"
import { type Envelope, readMessage } from "../../src/protocol/envelope.ts"
import { Payload } from "../../src/protocol/payload.ts"
import { DateTime } from "../../src/tuples/date_time.ts"
import { addTupleType } from "../../src/tuples/registry.ts"
import { Tuple, tupleTypeOf } from "../../src/tuples/tuple.ts"

export interface Vector {
  readonly name: string
  readonly kind: string
  readonly raw_b64?: string | null
  readonly decoded?: unknown
  readonly decode_error?: string
  readonly decoded_by_vortexpy622?: unknown
  readonly json_text?: string
  readonly messages?: readonly { readonly meaning?: string; readonly envelope_json?: unknown }[]
  readonly [other: string]: unknown
}

/** What a file of vectors is expected to hold. */
export const FILES: ReadonlyMap<string, number> = new Map([
  ["codec_vortexjs242", 41],
  ["codec_vortexpy030", 14],
  ["codec_vortexpy622", 115],
  ["vortexjs242_decodes_vortexpy622", 112],
])

const REFUSED = "<refused>"
const READABLE = "the peer refuses its own, or another peer's, readable date"
const KEYS = "keys are texts, in JavaScript as in JSON"
const GENERIC = "a type without a class is a generic tuple, and may have any field"
const NO_DATE = "the peer makes up a date when none came; we say that there was none"
const ENVELOPE = { envelope: { filt: { dict: [["key", "k"]] }, result: null, date: null } }

/** Where we differ from the peer that was recorded: why, and what we read. */
const DIFFERENCES: ReadonlyMap<string, readonly [why: string, ours: unknown]> = new Map<
  string,
  [string, unknown]
>([
  [
    "tuple_field.dt_year_1",
    [READABLE + ": it does not pad years", { datetime: "0001-01-01T00:00:00+00:00" }],
  ],
  ["tuple_field.date_only", [READABLE, { date: "2024-02-29" }]],
  ["decode_only.dt_no_micro", [READABLE, { datetime: "2017-06-06T09:40:37+00:00" }]],
  [
    "tuple_field.dict_numeric_str_keys",
    [
      KEYS,
      {
        dict: [
          ["1", "a"],
          ["01", "b"],
          ["1e3", "c"],
          ["1.5", "d"],
          ["nan", "e"],
          [" 7 ", "f"],
          ["1_000", "g"],
          ["inf", "h"],
        ],
      },
    ],
  ],
  ["decode_only.substr_type_s", ["the peer takes any part of a type's name for the type", REFUSED]],
  ["decode_only.empty_type", ["the peer takes any part of a type's name for the type", REFUSED]],
  ["decode_only.tuple_unknown", [GENERIC, { tuple: "no.such", fields: {} }]],
  [
    "decode_only.wkb",
    ["the peer needs shapely; we hand on the well-known binary form as it is", { bytes: "AAAA" }],
  ],
  ["decode_only.envelope.no_date", [NO_DATE, ENVELOPE]],
  ["decode_only.envelope.overwrites_method", [NO_DATE, ENVELOPE]],
  ["decode_only.envelope.both_fields_reversed", [NO_DATE, ENVELOPE]],
  ["js_brisbane.tuple_field.date_invalid", ["what is no date is refused", REFUSED]],
])

/** Of the recorded types the one that a class tells more of than its bytes: which fields there are. */
class Enums extends Tuple {
  static override tupleType = "acme.Enums"
  colour = null
  level = null
  maybe = null
}

export interface Checked {
  readonly checked: number
  readonly problems: readonly string[]
}

/**
 * Read every vector.
 *
 * @param files - The vectors of each file, by its name without ".json".
 * @returns How many were read, and what was read otherwise than it was meant.
 */
export async function checkVectors(files: ReadonlyMap<string, readonly Vector[]>): Promise<Checked> {
  addTupleType(Enums)
  const problems: string[] = []
  const unused = new Set(DIFFERENCES.keys())
  let checked = 0
  const expect = (name: string, ours: unknown, theirs: unknown): void => {
    checked++
    const difference = DIFFERENCES.get(name)
    unused.delete(name)
    const wanted = difference ? difference[1] : theirs
    const [read, meant] = [canonical(ours), canonical(wanted)]
    if (read !== meant) problems.push(`${name}: read ${read}, meant is ${meant}`)
    else if (difference && canonical(theirs) === meant) problems.push(`${name}: is no difference any more`)
  }
  for (const [file, count] of FILES) {
    const length = files.get(file)?.length
    if (length !== count) problems.push(`${file}: ${String(length)} vectors instead of ${count}`)
  }
  const having = (file: string): readonly Vector[] =>
    (files.get(file) ?? []).filter(({ raw_b64 }) => typeof raw_b64 === "string")
  for (const vector of [...having("codec_vortexpy622"), ...having("codec_vortexjs242")])
    expect(vector.name, await read(vector), meaning(vector))
  const meant = new Map(having("codec_vortexpy622").map((vector) => [vector.raw_b64, vector]))
  for (const vector of having("vortexjs242_decodes_vortexpy622")) {
    const same = meant.get(vector.raw_b64)
    if (same) expect(same.name, await read(vector), meaning(same))
  }
  for (const vector of having("codec_vortexpy030"))
    expect(vector.name, await readEra0(vector), era0Meaning(vector))
  for (const name of unused) problems.push(`${name}: there is no such vector`)
  return { checked, problems }
}

// ---- what we read

async function read(vector: Vector): Promise<unknown> {
  const raw = atob(vector.raw_b64 ?? "")
  try {
    if (vector.kind !== "encoded_payload") return notationOfEnvelope(await readMessage(raw, defaultLimits))
    const { tuples } = await Payload.fromVortexMsg(JSON.stringify({ _ct: "rpe", filt: {}, data: raw }))
    return notationOf((tuples[0] as Record<string, unknown>)["v"])
  } catch (error) {
    if (error instanceof VortexError) return REFUSED
    throw error
  }
}

async function readEra0(vector: Vector): Promise<unknown> {
  try {
    const { filt, tuples, result, date } = await Payload.fromVortexMsg(atob(vector.raw_b64 ?? ""))
    return notationOf({ filt, tuples, result, date })
  } catch (error) {
    if (error instanceof VortexError) return REFUSED
    throw error
  }
}

function notationOfEnvelope({ filt, result, date }: Envelope): unknown {
  return { envelope: { filt: notationOf(filt), result: notationOf(result), date: notationOf(date) } }
}

function notationOf(value: unknown): unknown {
  if (typeof value === "number" || typeof value === "bigint") return { number: numberText(value) }
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(notationOf)
  if (value instanceof Payload) {
    const { filt, tuples, date } = value
    return { payload: { filt: notationOf(filt), tuples: notationOf(tuples), date: notationOf(date) } }
  }
  if (value instanceof DateTime) {
    if (/^\d+-\d+-\d+$/.test(value.text)) return { date: value.text }
    const { micros } = instantOf(value.text)
    if (BigInt(value.getTime()) !== floorDiv(micros, 1000n))
      return `${value.text} is not ${value.toISOString()}`
    return { instant: String(micros) }
  }
  if (value instanceof Uint8Array) return { bytes: btoa(String.fromCharCode(...value)) }
  const entries = Object.entries(value).map(([key, item]) => [key, notationOf(item)])
  if (value instanceof Tuple)
    return { tuple: tupleTypeOf(value), fields: Object.fromEntries(entries) as unknown }
  if ("open" in value) return notationOfEnvelope(value as Envelope)
  return { dict: entries }
}

// ---- what was meant

function meaning(vector: Vector): unknown {
  if (vector.decode_error !== undefined) return REFUSED
  const decoded = normal(vector.decoded)
  if (vector.name.startsWith("zlib_level")) {
    const { tuples } = (decoded as { payload: { tuples: { fields: { v: unknown } }[] } }).payload
    return tuples[0]?.fields.v
  }
  return decoded
}

/** What an era 0 message says, by its JSON and the rules of that era: no offset means UTC. */
function era0Meaning(vector: Vector): unknown {
  const text = (vector.json_text ?? "").replaceAll(/: (NaN|-?Infinity)/g, ': {"_ft": "float", "_fd": "$1"}')
  const { filt, tuples, result, date } = JSON.parse(text) as Record<string, unknown>
  return {
    dict: Object.entries({ filt, tuples, result, date }).map(([key, json]) => [key, plainMeaning(json)]),
  }
}

function plainMeaning(json: unknown): unknown {
  if (typeof json === "number") return { number: numberText(json) }
  if (typeof json !== "object" || json === null) return json
  if (Array.isArray(json)) return json.map(plainMeaning)
  const { _ft: kind, _fd: data, _ct: composite, _c: type, ...fields } = json as Record<string, unknown>
  if (kind === "int" || kind === "float") return { number: numberText(Number(data)) }
  if (kind === "datetime") {
    return /^[\d-]+$/.test(String(data))
      ? { date: data }
      : { instant: String(instantOf(String(data)).micros) }
  }
  if (kind !== undefined) return `an unknown kind, ${JSON.stringify(kind)}`
  const entries = Object.entries(fields).map(([key, item]) => [key, plainMeaning(item)])
  if (composite === "rt") return { tuple: type, fields: Object.fromEntries(entries) as unknown }
  return { dict: entries }
}

/** The recorded notation, with one form for what JavaScript has one form for. */
function normal(notation: unknown): unknown {
  if (typeof notation !== "object" || notation === null) return notation
  if (Array.isArray(notation)) return notation.map(normal)
  const object = notation as Record<string, unknown>
  const [first] = Object.entries(object)
  if (!first) return notation
  const [kind, data] = first
  switch (kind) {
    case "int":
      return { number: numberText(BigInt(String(data))) }
    case "float":
    case "number":
      return { number: numberText(numberOf(String(data))) }
    case "datetime":
      return { instant: String(instantOf(String(data)).micros) }
    case "date":
      return String(data).includes("T") ? { instant: String(instantOf(String(data)).micros) } : notation
    case "js":
      return null
    case "enum":
      return ENUMS.get(String(data))
    case "dict":
      return {
        dict: (data as [unknown, unknown][]).map(([key, value]) => [keyText(normal(key)), normal(value)]),
      }
    case "tuple": {
      const fields = Object.entries(object["fields"] as object).map(([name, value]) => [name, normal(value)])
      return { tuple: data, fields: Object.fromEntries(fields) as unknown }
    }
    case "payload":
    case "envelope": {
      const { filt, tuples, result, date } = data as Record<string, unknown>
      const inner = kind === "payload" ? { filt, tuples, date } : { filt, result, date }
      return {
        [kind]: Object.fromEntries(Object.entries(inner).map(([name, value]) => [name, normal(value)])),
      }
    }
  }
  return notation
}

const ENUMS = new Map<string, unknown>([
  ["Colour.RED", "red"],
  ["Colour.BLUE", "blue"],
  ["Level.LOW", { number: "1" }],
  ["Level.HIGH", { number: "9" }],
])

function keyText(key: unknown): string {
  return typeof key === "string" ? key : String((key as { number: unknown }).number)
}

function numberOf(text: string): number {
  const words: Record<string, number> = { nan: NaN, inf: Infinity, "-inf": -Infinity }
  return words[text] ?? Number(text)
}

function numberText(value: number | bigint): string {
  if (typeof value === "number" && Number.isSafeInteger(value))
    return Object.is(value, -0) ? "-0" : String(value)
  return String(value)
}

/** Microseconds since 1970, of an ISO text with or without an offset. */
function instantOf(text: string): { readonly micros: bigint } {
  const parts = /^(\d+)-(\d+)-(\d+)[T ](\d+):(\d+):(\d+)(?:\.(\d+))?(Z|[+-][\d:]+)?$/.exec(text)
  if (!parts) throw new Error(`the vectors have a date that is none: ${text}`)
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number)
  const start = new Date(0)
  start.setUTCFullYear(year, month - 1, day)
  start.setUTCHours(hour, minute, second)
  const digits = (parts[8] ?? "Z").replaceAll(/[Z:]/g, "")
  const [hours = 0, minutes = 0, seconds = 0] = (digits.slice(1).match(/\d\d/g) ?? []).map(Number)
  const offset = (hours * 3600 + minutes * 60 + seconds) * (digits.startsWith("-") ? -1 : 1)
  const fraction = Number((parts[7] ?? "").padEnd(6, "0"))
  return { micros: BigInt(start.getTime() - offset * 1000) * 1000n + BigInt(fraction) }
}

function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b
  return a % b < 0n ? quotient - 1n : quotient
}

/** One text for each meaning: the order of a dict, and of fields, does not matter. */
function canonical(notation: unknown): string {
  return JSON.stringify(ordered(normal(notation)))
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered)
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => [key, ordered(item)])
  if (entries.length === 1 && entries[0]?.[0] === "dict") {
    const items = (entries[0][1] as unknown[]).map((item) => JSON.stringify(item))
    return { dict: items.sort() }
  }
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/**
 * The recorded vectors: whether the values that we read are what was meant, and whether what we write means the same.
 *
 * A codec vector's meaning is what was recorded of it, and that of a session's message is what stands in its JSON, by
 * the rules in `notation`. Nothing here is held against our own encoder or decoder. Runs in Node and in a page.
 */

import { VortexError } from "../../src/errors.ts"
import { defaultLimits } from "../../src/limits.ts"
import type { Envelope } from "../../src/protocol/envelope.ts"
import { Payload } from "../../src/protocol/payload.ts"
import { addTupleType } from "../../src/tuples/registry.ts"
import { Tuple } from "../../src/tuples/tuple.ts"
import { NoRule, REFUSED, canonical, meaningOf, normal, notationOf, strictJson, valueOf } from "./notation.ts"
import { fromVortexMsg, readMessage, toVortexMsg } from "./vortexpy.ts"

type Json = Readonly<Record<string, unknown>>

export interface Described {
  readonly meaning?: string
  readonly envelope_json?: Json
  readonly payload_json?: Json
}

export interface Vector {
  readonly name: string
  readonly kind: string
  readonly raw_b64?: string | null
  readonly json_text?: string
  readonly messages?: readonly Described[]
  readonly [other: string]: unknown
}

/** Every file, and how many vectors it holds. */
export const FILES: ReadonlyMap<string, number> = new Map([
  ["codec_vortexjs242", 41],
  ["codec_vortexpy030", 14],
  ["codec_vortexpy622", 115],
  ["session_http_vortexpy030", 62],
  ["session_http_vortexpy241_server_rawclient", 7],
  ["session_http_vortexpy622_server_rawclient", 15],
  ["session_tcp_vortexpy241", 25],
  ["session_tcp_vortexpy622_server_rawclient", 9],
  ["session_ws_vortexjs242_vs_vortexpy241", 15],
  ["session_ws_vortexjs242_vs_vortexpy622_fails", 5],
  ["session_ws_vortexpy622", 35],
  ["vortexjs242_decodes_vortexpy622", 112],
])

/** Whether what we read or write is what was recorded; if not, why, and what it is instead. */
type Difference = readonly [why: string, ours: unknown]

const READABLE = "the peer refuses its own, or another peer's, readable date"
const ANY_PART = "the peer takes any part of a type's name for the type"
const GENERIC = "a type without a class is a generic tuple, and may have any field"
const NO_DATE = "the peer makes up a date when none came; we say that there was none"
const LATIN = "the peer reads UTF-8 only; VortexJS writes Latin-1"
const JS_REFUSED = "VortexJS hands on what is no date"
const EMPTY_ENVELOPE = { envelope: { filt: { dict: [["key", "k"]] }, result: null, date: null } }

const dictOf = (...pairs: [string, unknown][]): unknown => ({ dict: pairs })

const READ: ReadonlyMap<string, Difference> = new Map<string, Difference>([
  [
    "tuple_field.dt_year_1",
    [READABLE + ": it does not pad years", { datetime: "0001-01-01T00:00:00+00:00" }],
  ],
  ["tuple_field.date_only", [READABLE, { date: "2024-02-29" }]],
  ["decode_only.dt_no_micro", [READABLE, { datetime: "2017-06-06T09:40:37+00:00" }]],
  [
    "tuple_field.dict_numeric_str_keys",
    [
      "keys are texts, in JavaScript as in JSON: none is lost",
      dictOf(
        ...(Object.entries({
          1: "a", "01": "b", "1e3": "c", 1.5: "d", nan: "e", " 7 ": "f", "1_000": "g", inf: "h",
        }) as [string, unknown][]),
      ), // prettier-ignore
    ],
  ],
  ["decode_only.substr_type_s", [ANY_PART, REFUSED]],
  ["decode_only.empty_type", [ANY_PART, REFUSED]],
  ["decode_only.tuple_unknown", [GENERIC, { tuple: "no.such", fields: {} }]],
  [
    "decode_only.wkb",
    ["the peer needs shapely; we hand on the well-known binary form as it is", { bytes: "AAAA" }],
  ],
  ["decode_only.envelope.no_date", [NO_DATE, EMPTY_ENVELOPE]],
  ["decode_only.envelope.overwrites_method", [NO_DATE, EMPTY_ENVELOPE]],
  ["decode_only.envelope.both_fields_reversed", [NO_DATE, EMPTY_ENVELOPE]],
  [
    "js.envelope.filt_latin1 by vortexpy622",
    [
      LATIN,
      {
        envelope: {
          filt: dictOf(["key", "\xe9"]),
          result: null,
          date: { datetime: "2024-02-29T13:14:15.123000+00:00" },
        },
      },
    ],
  ],
  ["js_brisbane.tuple_field.date_invalid", [JS_REFUSED, REFUSED]],
])

const CANNOT = "the peer has no form for it, we have"
const NO_NUMBER = "VortexJS has no such number in JSON; the server reads ours"
const UNDERSCORE = "VortexJS drops keys that begin with _"
const MORE_KEYS = "the peer drops such keys in silence"
const WRAPPED = "the peer's own dict would be taken for a typed value; ours is wrapped, and read back"
const UTC = "VortexJS sends the offset of the place where it runs"

const WRITTEN: ReadonlyMap<string, Difference> = new Map<string, Difference>([
  // ---- of VortexPY 6.2.2, by meaning
  [
    "tuple_field.dt_year_1",
    ["the peer does not pad years, and cannot read that", { datetime: "0001-01-01T00:00:00+00:00" }],
  ],
  ["tuple_field.date_only", [READABLE, { date: "2024-02-29" }]],
  ["tuple_field.dict_numeric_str_keys", READ.get("tuple_field.dict_numeric_str_keys") ?? ["", null]],
  ["tuple_field.dict_empty_key", [MORE_KEYS, dictOf(["", { int: "1" }])]],
  ["tuple_field.dict_none_key", [MORE_KEYS + "; null is no key", REFUSED]],
  ["tuple_field.dict_with_ft_key", [WRAPPED, dictOf(["_ft", "hello"], ["x", { int: "1" }])]],
  ["tuple_field.dict_with_ct_key", [WRAPPED, dictOf(["_ct", "hello"])]],
  ["tuple_field.frozenset", [CANNOT, [{ int: "1" }]]],
  ["tuple_field.enum_plain", [CANNOT, { int: "1" }]],
  [
    "tuple_field.raw_field_datetime",
    [
      "the peer's raw fields go into JSON as they are; we have none, all are typed",
      {
        tuple: "acme.Raw",
        fields: { n: { int: "1" }, raw: { datetime: "2024-02-29T13:14:15.123456+00:00" } },
      },
    ],
  ],
  ["tuple_field.float_neg_zero", ["JSON.stringify knows no -0", { int: "0" }]],
  [
    "tuple_field.envelope_in_tuple",
    [
      "an envelope is no value of ours to send: what it says travels as a payload",
      {
        payload: {
          filt: dictOf(["key", "e"]),
          tuples: [],
          date: { datetime: "2024-02-29T13:14:15.123456+00:00" },
        },
      },
    ],
  ],
  // ---- of VortexJS, the JSON itself
  ["js.tuple_field.undefined", ["a field that is undefined is left as it is at the other end", undefined]],
  ["js.tuple_field.nan", [NO_NUMBER, { _ft: "float", _fd: "nan" }]],
  ["js.tuple_field.inf", [NO_NUMBER, { _ft: "float", _fd: "inf" }]],
  ["js.tuple_field.map", [CANNOT, {}]],
  ["js.tuple_field.uint8array", [CANNOT + ", once it is a dict", { 0: 1, 1: 2 }]],
  ["js.tuple_field.dict_underscore", [UNDERSCORE, { _x: 1, y: 2 }]],
  [
    "js.tuple_field.payload",
    [
      "a payload has a result of its own, and says what Python calls it",
      {
        _ct: "rp",
        _c: "vortex.Payload.Payload",
        filt: { key: "in" },
        tuples: [],
        result: null,
        date: { _ft: "datetime", _fd: "2024-02-29 13:14:15.123000+0000" },
      },
    ],
  ],
  ["js_brisbane.tuple_field.date_no_ms", [UTC, { _ft: "datetime", _fd: "2024-01-01 00:00:00.000000+0000" }]],
  ["js_brisbane.tuple_field.date_invalid", ["an invalid date is refused", REFUSED]],
])

/** Of the recorded types the one that a class tells more of than its bytes: which fields there are. */
class Enums extends Tuple {
  static override tupleType = "acme.Enums"
  colour = null
  level = null
  maybe = null
}

export interface Checked {
  /** What was read or written otherwise than was meant. */
  readonly problems: readonly string[]
  /** How many comparisons were made, of each sort. */
  readonly counts: Readonly<Record<string, number>>
}

/**
 * Read and write every vector.
 *
 * @param files - The vectors of each file, by its name without ".json".
 */
export async function checkVectors(files: ReadonlyMap<string, readonly Vector[]>): Promise<Checked> {
  addTupleType(Enums)
  const problems: string[] = []
  const counts: Record<string, number> = {}
  const unused = new Set<Difference>([...READ.values(), ...WRITTEN.values()])

  /** Hold *ours*, a text, against *theirs* or, where we differ, against what we say that it is. */
  const expect = (sort: string, name: string, ours: string, theirs: string, difference?: string): void => {
    counts[sort] = (counts[sort] ?? 0) + 1
    if (ours !== (difference ?? theirs))
      problems.push(`${sort} ${name}: it is ${ours}, should be ${difference ?? theirs}`)
    else if (difference === theirs) problems.push(`${sort} ${name}: is no difference any more`)
  }
  const expectRead = (sort: string, name: string, ours: unknown, theirs: unknown): void => {
    const difference = READ.get(name)
    if (difference) unused.delete(difference)
    expect(
      sort,
      name,
      canonical(ours),
      canonical(theirs),
      difference && canonical(difference[1] === REFUSED ? REFUSED : normal(difference[1])),
    )
  }

  for (const [file, count] of FILES) expect("files", file, String(files.get(file)?.length), String(count))
  const all = (file: string): readonly Vector[] => files.get(file) ?? []
  const recorded = (file: string): readonly Vector[] =>
    all(file).filter(({ raw_b64 }) => typeof raw_b64 === "string")

  // ---- what is read
  for (const vector of recorded("codec_vortexpy622"))
    expectRead("vortexpy622", vector.name, await read(vector), decoded(vector, "decoded", "decode_error"))
  for (const vector of recorded("codec_vortexjs242")) {
    const ours = await read(vector)
    expectRead("vortexjs242", vector.name, ours, decoded(vector, "decoded", "decode_error"))
    const other = `${vector.name} by vortexpy622`
    expectRead(
      "vortexjs242",
      other,
      ours,
      decoded(vector, "decoded_by_vortexpy622", "decode_error_by_vortexpy622"),
    )
  }
  const twins = new Map(recorded("codec_vortexpy622").map((vector) => [vector.raw_b64, vector]))
  for (const vector of recorded("vortexjs242_decodes_vortexpy622")) {
    const twin = twins.get(vector.raw_b64)
    const ours = await read(vector)
    if (twin) expectRead("given to vortexjs242", twin.name, ours, decoded(twin, "decoded", "decode_error"))
    else expectRead("given to vortexjs242, by the rules", vector.name, ours, await ruled(vector))
  }
  for (const vector of recorded("codec_vortexpy030")) {
    const { filt, tuples, result, date } = strictJson(vector.json_text ?? "") as Json
    const ours = await fromVortexMsg(atob(vector.raw_b64 ?? ""))
    const read = { filt: ours.filt, tuples: ours.tuples, result: ours.result, date: ours.date }
    expectRead("vortexpy030", vector.name, notationOf(read), meaningOf({ filt, tuples, result, date }))
  }

  // ---- whole sessions
  for (const file of FILES.keys())
    if (file.startsWith("session"))
      for (const vector of all(file)) {
        const frames = framesOf(vector)
        const messages = frames.length ? (vector.messages ?? []) : []
        expect("frames", `${file} ${String(vector["seq"])}`, String(frames.length), String(messages.length))
        for (const [index, described] of messages.entries()) {
          const name = `${file} ${String(vector["seq"])}.${index}`
          const frame = frames[index] ?? ""
          if (described.meaning === "heartbeat") expect("beats", name, frame, "")
          else {
            const envelope = await readMessage(frame)
            expectRead("messages", name, await readAll(envelope), await describedAll(described))
          }
        }
      }

  // ---- what is written
  for (const vector of all("codec_vortexpy622")) {
    if (!("value" in vector) || vector.kind === "selector_json_str") continue
    const difference = WRITTEN.get(vector.name)
    if (difference) unused.delete(difference)
    const json = await write(vector)
    expect(
      "written as vortexpy622",
      vector.name,
      canonical(json === REFUSED ? REFUSED : meaningOf(json)),
      canonical(decoded(vector, "decoded", "encode_error")),
      difference && canonical(difference[1] === REFUSED ? REFUSED : normal(difference[1])),
    )
  }
  for (const vector of all("codec_vortexjs242")) {
    if (!("value" in vector) || vector.kind !== "encoded_payload") continue
    const difference = WRITTEN.get(vector.name)
    if (difference) unused.delete(difference)
    expect(
      "written as vortexjs242",
      vector.name,
      textOf(await write(vector)),
      JSON.stringify("encode_error" in vector ? REFUSED : vector["field_json"]),
      difference && textOf(difference[1]),
    )
  }

  for (const [name, difference] of [...READ, ...WRITTEN])
    if (unused.has(difference)) problems.push(`${name}: there is no such vector`)
  return { problems, counts }
}

// ---- what we read

const textOf = (json: unknown): string => (json === undefined ? "nothing" : JSON.stringify(json))

async function read(vector: Vector): Promise<unknown> {
  const raw = atob(vector.raw_b64 ?? "")
  try {
    if (vector.kind !== "encoded_payload") return notationOf(await readMessage(raw))
    const { tuples } = await fromVortexMsg(JSON.stringify({ _ct: "rpe", filt: {}, data: raw }))
    return notationOf((tuples[0] as Record<string, unknown>)["v"])
  } catch (error) {
    if (error instanceof VortexError) return REFUSED
    throw error
  }
}

/** All that a message says: its envelope, and the tuples in it. */
async function readAll(envelope: Envelope): Promise<unknown> {
  const { tuples } = await envelope.open(defaultLimits)
  return { ...(notationOf(envelope) as object), tuples: notationOf(tuples) }
}

// ---- what was meant

/** What a peer made of the bytes; of a whole payload the field's value, as everywhere else. */
function decoded(vector: Vector, key: string, error: string): unknown {
  if (error in vector) return REFUSED
  const found = normal(vector[key])
  if (!vector.name.startsWith("zlib_level")) return found
  const { payload } = found as { payload: { tuples: { fields: Json }[] } }
  return payload.tuples[0]?.fields["v"]
}

/** What the bytes mean by the rules. */
async function ruled(vector: Vector): Promise<unknown> {
  const raw = atob(vector.raw_b64 ?? "")
  try {
    if (vector.kind !== "encoded_payload") return meaningOf(JSON.parse(raw.startsWith("{") ? raw : atob(raw)))
    const { tuples } = (await inflated(raw)) as { tuples: Json[] }
    return meaningOf(tuples[0]?.["v"])
  } catch (error) {
    if (error instanceof NoRule) return REFUSED
    throw error
  }
}

async function describedAll({ envelope_json = {}, payload_json }: Described): Promise<unknown> {
  const { filt = {}, result = null, date = null, tuples = [] } = envelope_json
  const envelope = mapOf({ filt, result, date })
  let data = envelope_json["data"] ?? envelope_json["encodedPayload"] ?? null
  // As 2.4.1 has it, bytes within base64.
  if (typeof data === "object" && data !== null) data = atob(String((data as Json)["_fd"]))
  const payload = payload_json ?? (typeof data === "string" ? ((await inflated(data)) as Json) : { tuples })
  return { envelope, tuples: meaningOf(payload["tuples"]) }
}

const mapOf = (parts: Json): unknown =>
  Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, meaningOf(value)]))

/** The JSON in an encoded payload, by what the engine has built in. */
export async function inflated(text: string): Promise<unknown> {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))
  return strictJson(await new Response(stream).text())
}

// ---- what we write

/** The JSON that we write in the place of a vector's value: of the field, or of the envelope. */
async function write(vector: Vector): Promise<unknown> {
  const value = valueOf(vector["value"])
  const isWhole = value instanceof Payload && vector.name.startsWith("zlib_level")
  try {
    if (vector.kind === "vortex_msg") return JSON.parse(await toVortexMsg(value as Payload, "raw"))
    const payload = isWhole ? value : new Payload({ key: "vec" }, [new Tuple("acme.Vec", { v: value })])
    const { data } = JSON.parse(await toVortexMsg(payload, "raw")) as { data: string }
    const { tuples } = (await inflated(data)) as { tuples: Json[] }
    return tuples[0]?.["v"]
  } catch (error) {
    if (error instanceof VortexError) return REFUSED
    throw error
  }
}

/** Messages that we write of the recorded values, and what each means to who reads it right. */
export async function writtenMessages(
  files: ReadonlyMap<string, readonly Vector[]>,
): Promise<{ readonly name: string; readonly message: string; readonly meaning: string }[]> {
  const made = []
  for (const file of ["codec_vortexpy622", "codec_vortexjs242"])
    for (const vector of files.get(file) ?? []) {
      const value = valueOf(vector["value"])
      if (vector.kind !== "encoded_payload" || value === undefined || (await write(vector)) === REFUSED)
        continue
      if (vector.name.startsWith("zlib_level")) continue
      // VortexJS loses more of its values than we do of the same: what they were is what is meant. Neither has a -0.
      const difference = file === "codec_vortexpy622" ? WRITTEN.get(vector.name) : undefined
      let meaning = difference ? normal(difference[1]) : normal(vector["value"])
      if (vector.name.endsWith("neg_zero")) meaning = normal({ int: "0" })
      const form = made.length % 2 ? "raw" : "base64"
      const payload = new Payload({ key: "vec" }, [new Tuple("acme.Vec", { v: value })])
      const message = await toVortexMsg(payload, form)
      made.push({ name: vector.name, message, meaning: canonical(meaning) })
    }
  return made
}

// ---- the frames of a session

/** The frames in one vector of a session, as text, in order; none where it carries none, or was not kept. */
export function framesOf({ raw_b64, messages, transport, what }: Vector): string[] {
  if (typeof raw_b64 !== "string" || !messages) return []
  let raw = atob(raw_b64)
  if (transport === "ws") raw = webSocketPayload(raw)
  else if (what === "http request") raw = raw.slice(raw.indexOf("\r\n\r\n") + 4)
  if (raw.startsWith("{")) return [raw.replace(/\.$/, "")]
  const frames = raw.split(".")
  if (!frames.at(-1)) frames.pop()
  return frames
}

/** What is in a WebSocket frame, unmasked if it was masked. */
function webSocketPayload(frame: string): string {
  const byte = (index: number): number => frame.charCodeAt(index)
  const width = [0, 2, 8][Math.max(0, (byte(1) & 0x7f) - 125)] ?? 0
  if (!(byte(1) & 0x80)) return frame.slice(2 + width)
  const start = 2 + width
  return Array.from(frame.slice(start + 4), (char, index) =>
    String.fromCharCode(char.charCodeAt(0) ^ byte(start + (index % 4))),
  ).join("")
}

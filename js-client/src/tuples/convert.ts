/**
 * Convert: values and what they are in JSON.
 *
 *     null, text, true, number    as they are; NaN and the infinities are {"_ft": "float"}
 *     BigInt                      {"_ft": "int", "_fd": digits}; what comes is a number where that is exact
 *     Date, DateTime              {"_ft": "datetime", "_fd": "2026-01-02 03:04:05.000006+0000"}
 *     Uint8Array                  {"_ft": "bytes", "_fd": base64}
 *     Array, Set                  a list
 *     Map, plain object           an object; what comes is a plain object
 *     Tuple                       {"_ct": "rt", "_c": its type, field: ...}
 *
 * JSON's text is `protocol/json_text`'s; what envelopes and payloads are, those files say.
 */

import { DecodeError, EncodeError, LimitExceeded, VortexError, shown, unexpected } from "../errors.ts"
import { fromBase64, toBase64 } from "../protocol/base64.ts"
import type { Limits } from "../limits.ts"
import { DateTime, wireText } from "./date_time.ts"
import { tupleClassOf } from "./registry.ts"
import { Tuple, isForbidden, needsType, tupleTypeOf } from "./tuple.ts"

type Json = Readonly<Record<string, unknown>>

/** The reading of one message: what is allowed, and where it is. */
export interface Reading {
  depthLeft: number
  nodesLeft: number
  readonly path: (string | number)[]
}

export const newReading = ({ maxDepth, maxNodes }: Limits): Reading => ({
  depthLeft: maxDepth,
  nodesLeft: maxNodes,
  path: [],
})

/** How objects that are no tuples are read, by their `_ct`. */
export const compositeDecoders = new Map<unknown, (object: Json, reading: Reading) => unknown>()

/** What the objects of a class begin with, where they are more than plain ones. */
export const compositeHeads = new Map<unknown, object>()

// ---- in

/** What *read* gives; its errors say where in the message it was. */
export function located<T>(reading: Reading, read: () => T): T {
  try {
    return read()
  } catch (error) {
    const { path } = reading
    if (error instanceof VortexError && !(error instanceof DecodeError && path.length)) throw error
    // What is no error of ours was thrown by a class of the application's, which did not take a value.
    const problem = error instanceof DecodeError ? error.message : String(error)
    const where = path.splice(0).map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`))
    throw new DecodeError(problem, where.join("").slice(0, 200))
  }
}

/**
 * What *value*, as JSON holds it, stands for; within `located`, which tells where something is not what it should be.
 *
 * @throws DecodeError, and LimitExceeded if it is nested too deep, or too much.
 */
export function decode(value: unknown, reading: Reading): unknown {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return decodeList(value, reading)
  const object = value as Json
  const kind = object["_ft"]
  if (kind !== undefined) return decodeTagged(kind, object, reading)
  const composite = object["_ct"]
  if (composite === undefined || composite === null) return decodeInto({}, object, reading, false)
  if (composite === "rt") return decodeTuple(object, reading)
  const decoder = compositeDecoders.get(composite)
  if (!decoder) throw unexpected("a known _ct", composite)
  return decoder(object, reading)
}

/** The same of what is at *part* there. */
export function decodeAt(part: string | number, value: unknown, reading: Reading): unknown {
  reading.path.push(part)
  const decoded = decode(value, reading)
  reading.path.pop()
  return decoded
}

/** One level down, with *count* values there; who comes up again gives the level back. */
export function enter(reading: Reading, count: number): void {
  if (--reading.depthLeft < 0) throw new LimitExceeded("maxDepth", "values are nested too deep")
  if ((reading.nodesLeft -= count) < 0) throw new LimitExceeded("maxNodes", "a message holds too many values")
}

function decodeList(list: readonly unknown[], reading: Reading): unknown[] {
  enter(reading, list.length)
  const decoded = list.map((item, index) => decodeAt(index, item, reading))
  reading.depthLeft++
  return decoded
}

export function decodeInto<T extends object>(target: T, object: Json, reading: Reading, isTuple: boolean): T {
  const names = Object.keys(object)
  enter(reading, names.length)
  for (const name of names) {
    if (isTuple ? !isField(target, name) : isForbidden(name)) continue
    ;(target as Record<string, unknown>)[name] = decodeAt(name, object[name], reading)
  }
  reading.depthLeft++
  return target
}

/** Whether a sender may set it in a tuple, whose methods are its class's. */
export const isField = (tuple: object, name: string): boolean =>
  !isForbidden(name) && !name.startsWith("_") && (!(name in tuple) || Object.hasOwn(tuple, name))

function decodeTuple(object: Json, reading: Reading): Tuple {
  const type = object["_c"]
  if (typeof type !== "string") throw unexpected("the name of a tuple's type as _c", type)
  return decodeInto(newTuple(type), object, reading, true)
}

/** An empty tuple of that type. */
export function newTuple(type: string): Tuple {
  const cls = tupleClassOf(type)
  return cls ? new cls() : new Tuple(type)
}

function decodeTagged(kind: unknown, object: Json, reading: Reading): unknown {
  const decoder = taggedDecoders.get(kind)
  if (!decoder) throw unexpected("a known _ft", kind)
  let data = object["_fd"]
  if (data === null) return null
  // A number of many digits, or NaN, stands within its tag as one of its own.
  if (typeof data === "object" && kind !== "dict") {
    enter(reading, 1)
    data = decode(data, reading)
    reading.depthLeft++
  }
  const value = data === undefined ? data : decoder(data, reading)
  if (value === undefined) throw unexpected(`a value of the kind ${shown(kind)}`, data)
  return value
}

/** What each gives is undefined where it is not what it should be. */
const taggedDecoders = new Map<unknown, (data: unknown, reading: Reading) => unknown>([
  ["null", () => null],
  ["bool", (data) => data === "1"],
  ["str", ofText(String)],
  ["int", integer],
  ["float", (data) => (isNumber(data) ? data : ofText(floatOf)(data))],
  ["datetime", ofText((text) => new DateTime(text))],
  ["bytes", ofText(fromBase64)],
  ["wkb", ofText(fromBase64)],
  ["list", (data) => (Array.isArray(data) ? data : undefined)],
  ["dict", (data, reading) => (isPlain(data) ? decodeInto({}, data, reading, false) : undefined)],
])

const isNumber = (data: unknown): boolean => typeof data === "number" || typeof data === "bigint"

/** A whole number, a BigInt where that is longer than numbers are; undefined where *data* is none. */
export function integer(data: unknown): unknown {
  if (typeof data === "bigint") return data
  const isNumeric = typeof data === "number" ? Number.isFinite(data) : isDigits(data)
  if (!isNumeric) return undefined
  const number = Math.trunc(Number(data)) + 0
  return Number.isSafeInteger(number) ? number : BigInt(data as string | number)
}

/** More digits would take long, as their square. */
const isDigits = (data: unknown): boolean => typeof data === "string" && /^\s*[+-]?\d{1,4300}\s*$/.test(data)

/** As Python reads it; JavaScript's hexadecimals are nothing there. */
function floatOf(text: string): number | undefined {
  const word = text
    .trim()
    .toLowerCase()
    .replace(/inf(inity)?$/, "Infinity")
  const value = Number(word)
  const isFloat = Number.isNaN(value) ? /^[+-]?nan$/.test(word) : /^[^box]+$/.test(word)
  return isFloat ? value : undefined
}

/** What *make* makes of a text; undefined of anything else. */
export function ofText(make: (text: string) => unknown): (data: unknown) => unknown {
  return (data) => (typeof data === "string" ? make(data) : undefined)
}

// ---- out

const MAX_DEPTH = 32

/**
 * *value* as JSON holds it.
 *
 * @throws EncodeError where something in it cannot travel; the message says where.
 */
export function toJsonable(value: unknown, path = "", depth = MAX_DEPTH): unknown {
  // Bare digits would lose some on their way through JSON.stringify.
  if (typeof value === "bigint") return { _ft: "int", _fd: String(value) }
  if (typeof value === "number" && !Number.isFinite(value))
    return { _ft: "float", _fd: String(value).toLowerCase().replace("inity", "") }
  const isSimple = ["string", "boolean", "number"].includes(typeof (value ?? true))
  return isSimple ? (value ?? null) : encodeObject(value as object, path, depth - 1)
}

function encodeObject(value: object, path: string, depth: number): unknown {
  if (depth < 0) throw new EncodeError("values are nested too deep", path.slice(0, 200))
  if (Array.isArray(value) || value instanceof Set)
    return Array.from(value as Iterable<unknown>, (item, index) =>
      toJsonable(item, `${path}[${index}]`, depth),
    )
  if (value instanceof Date) return { _ft: "datetime", _fd: wireText(value, path) }
  if (value instanceof Uint8Array) return { _ft: "bytes", _fd: toBase64(value) }
  const head =
    value instanceof Tuple
      ? { _ct: "rt", _c: typeToSend(value, path) }
      : compositeHeads.get(value.constructor)
  if (!head && !isDict(value))
    throw new EncodeError(`a ${(value as object).constructor.name} cannot travel`, path)
  const encoded: Record<string, unknown> = { ...head }
  for (const [key, item] of pairsOf(value)) {
    if (!["string", "number", "bigint"].includes(typeof key))
      throw new EncodeError(`a key is a text or a number, got ${shown(key)}`, path)
    const name = String(key)
    // What is not there is left as it is by the one who reads this.
    if (item === undefined || isForbidden(name) || (head && name.startsWith("_"))) continue
    encoded[name] = toJsonable(item, `${path}.${name}`, depth)
  }
  const isMistakable = !head && ("_ft" in encoded || "_ct" in encoded)
  return isMistakable ? { _ft: "dict", _fd: encoded } : encoded
}

/** What *tuple* is called on the wire. */
export function typeToSend(tuple: Tuple, path: string): string {
  const type = tupleTypeOf(tuple)
  if (!type) throw new EncodeError(needsType(tuple.constructor), path)
  return type
}

export function isPlain(value: unknown): value is Json {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** The keys of a dict or a tuple, and what is under each. */
export const pairsOf = (value: object): Iterable<[unknown, unknown]> =>
  value instanceof Map ? value : Object.entries(value)

export const isDict = (value: unknown): value is object => value instanceof Map || isPlain(value)

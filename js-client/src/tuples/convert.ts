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

import { DecodeError, EncodeError, LimitExceeded, VortexError, shown } from "../errors.ts"
import { fromBase64, toBase64 } from "../protocol/base64.ts"
import type { Limits } from "../limits.ts"
import { DateTime, wireText } from "./date_time.ts"
import { tupleClassOf } from "./registry.ts"
import { Tuple, isForbidden, tupleTypeOf } from "./tuple.ts"

type Json = Readonly<Record<string, unknown>>

/** The reading of one message: what is allowed, and where it is. */
export class Reading {
  readonly limits: Limits
  depthLeft: number
  nodesLeft: number
  readonly path: (string | number)[] = []

  constructor(limits: Limits) {
    this.limits = limits
    this.depthLeft = limits.maxDepth
    this.nodesLeft = limits.maxNodes
  }
}

/** How objects that are no tuples are read, by their `_ct`. */
export const compositeDecoders = new Map<string, (object: Json, reading: Reading) => unknown>()

/** How values of a class are written, where they are more than plain objects. */
export const compositeEncoders = new Map<unknown, (value: never, depth: number) => unknown>()

// ---- in

/**
 * What *value*, as JSON holds it, stands for.
 *
 * @throws DecodeError where something in it is not what it should be; the message says where.
 * @throws LimitExceeded if it is nested too deep, or too much.
 */
export function fromJsonable(value: unknown, reading: Reading): unknown {
  return located(reading, () => decode(value, reading))
}

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

/** Own property *name* of a JSON object; undefined for what only its prototype has. */
export function own(object: Json, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

/** As `fromJsonable`, within `located`. */
export function decode(value: unknown, reading: Reading): unknown {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return decodeList(value, reading)
  const object = value as Json
  const kind = own(object, "_ft")
  if (kind !== undefined) return decodeTagged(kind, object, reading)
  const composite = own(object, "_ct")
  if (composite === undefined || composite === null) return decodeInto({}, object, reading, false)
  if (composite === "rt") return decodeTuple(object, reading)
  const decoder = typeof composite === "string" ? compositeDecoders.get(composite) : undefined
  if (!decoder) throw new DecodeError(`unknown kind of object, _ct = ${shown(composite)}`)
  enter(reading, 1)
  const made = decoder(object, reading)
  reading.depthLeft++
  return made
}

/** One level down, with *count* values there; who comes up again gives the level back. */
export function enter(reading: Reading, count: number): void {
  if (--reading.depthLeft < 0) throw new LimitExceeded("maxDepth", "values are nested too deep")
  if ((reading.nodesLeft -= count) < 0) throw new LimitExceeded("maxNodes", "a message holds too many values")
}

function decodeList(list: readonly unknown[], reading: Reading): unknown[] {
  enter(reading, list.length)
  const decoded = list.map((item, index) => {
    if (typeof item !== "object" || item === null) return item
    reading.path.push(index)
    const value = decode(item, reading)
    reading.path.pop()
    return value
  })
  reading.depthLeft++
  return decoded
}

function decodeInto<T extends object>(target: T, object: Json, reading: Reading, isTuple: boolean): T {
  const names = Object.keys(object)
  enter(reading, names.length)
  for (const name of names) {
    if (isTuple ? !isField(target, name) : isForbidden(name)) continue
    let value = object[name]
    if (typeof value === "object" && value !== null) {
      reading.path.push(name)
      value = decode(value, reading)
      reading.path.pop()
    }
    ;(target as Record<string, unknown>)[name] = value
  }
  reading.depthLeft++
  return target
}

/** Whether a sender may set it in a tuple, whose methods are its class's. */
export const isField = (tuple: object, name: string): boolean =>
  !isForbidden(name) && !name.startsWith("_") && (!(name in tuple) || Object.hasOwn(tuple, name))

function decodeTuple(object: Json, reading: Reading): Tuple {
  const type = own(object, "_c")
  if (typeof type !== "string")
    throw new DecodeError(`a tuple needs the name of its type, got _c = ${shown(type)}`)
  return decodeInto(newTuple(type), object, reading, true)
}

/** An empty tuple of that type. */
export function newTuple(type: string): Tuple {
  const cls = tupleClassOf(type)
  return cls ? new cls() : new Tuple(type)
}

function decodeTagged(kind: unknown, object: Json, reading: Reading): unknown {
  const decoder = typeof kind === "string" ? taggedDecoders.get(kind) : undefined
  if (!decoder) throw new DecodeError(`unknown kind of value, _ft = ${shown(kind)}`)
  let data = own(object, "_fd")
  if (data === undefined) throw new DecodeError(`a value of the kind ${shown(kind)} needs an _fd`)
  if (data === null) return null
  // A number of many digits, or NaN, stands within its tag as one of its own.
  if (typeof data === "object" && kind !== "list" && kind !== "dict") {
    enter(reading, 1)
    data = decode(data, reading)
    reading.depthLeft++
  }
  const value = decoder(data, reading)
  if (value === undefined)
    throw new DecodeError(`expected a value of the kind ${shown(kind)}, got ${shown(data)}`)
  return value
}

/** What each gives is undefined where it is not what it should be. */
const taggedDecoders = new Map<string, (data: unknown, reading: Reading) => unknown>([
  ["null", () => null],
  ["bool", (data) => data === "1"],
  ["str", (data) => (typeof data === "string" ? data : undefined)],
  ["int", integer],
  ["float", (data) => (typeof data === "string" ? floatOf(data) : isNumber(data) ? data : undefined)],
  ["datetime", (data) => (typeof data === "string" ? new DateTime(data) : undefined)],
  ["bytes", bytes],
  ["wkb", bytes],
  ["list", (data, reading) => (Array.isArray(data) ? decodeList(data, reading) : undefined)],
  ["dict", (data, reading) => (isPlain(data) ? decodeInto({}, data, reading, false) : undefined)],
])

const isNumber = (data: unknown): boolean => typeof data === "number" || typeof data === "bigint"

/** A whole number, a BigInt where that is longer than numbers are; undefined where *data* is none. */
export function integer(data: unknown): unknown {
  if (typeof data === "bigint") return data
  const isNumeric = typeof data === "number" ? Number.isFinite(data) : isDigits(data)
  if (!isNumeric) return undefined
  const number = Math.trunc(Number(data)) + 0
  if (Number.isSafeInteger(number)) return number
  return BigInt(typeof data === "string" ? data.trim().replace(/^\+/, "") : number)
}

/** More digits would take long, as their square. */
const isDigits = (data: unknown): boolean => typeof data === "string" && /^\s*[+-]?\d{1,4300}\s*$/.test(data)

const infinities = new Map([
  ["inf", Infinity],
  ["infinity", Infinity],
  ["nan", NaN],
])

function floatOf(text: string): number | undefined {
  const [, sign, word = ""] =
    /^\s*([+-]?)(nan|inf|infinity|(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)\s*$/i.exec(text) ?? []
  if (!word) return undefined
  const value = infinities.get(word.toLowerCase()) ?? Number(word)
  return sign === "-" ? -value : value
}

function bytes(data: unknown): Uint8Array | undefined {
  return typeof data === "string" ? fromBase64(data) : undefined
}

// ---- out

const MAX_DEPTH = 32

/**
 * *value* as JSON holds it.
 *
 * @throws EncodeError where something in it cannot travel; the message says where.
 */
export function toJsonable(value: unknown, path = "", depth = MAX_DEPTH): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "undefined":
      return null
    case "number":
      return Number.isFinite(value)
        ? value
        : { _ft: "float", _fd: value > 0 ? "inf" : value < 0 ? "-inf" : "nan" }
    case "bigint":
      // Bare digits would lose some on their way through JSON.stringify.
      return { _ft: "int", _fd: String(value) }
    case "object":
      return value && encodeObject(value, path, depth - 1)
  }
  throw new EncodeError(`a ${typeof value} cannot travel`, path)
}

function encodeObject(value: object, path: string, depth: number): unknown {
  if (depth < 0)
    throw new EncodeError(`values are nested deeper than ${MAX_DEPTH} levels`, path.slice(0, 200))
  if (Array.isArray(value) || value instanceof Set)
    return Array.from(value as Iterable<unknown>, (item, index) =>
      toJsonable(item, `${path}[${index}]`, depth),
    )
  if (value instanceof Date) return { _ft: "datetime", _fd: wireText(value, path) }
  if (value instanceof Uint8Array) return { _ft: "bytes", _fd: toBase64(value) }
  const encoder = compositeEncoders.get(value.constructor)
  if (encoder) return encoder(value as never, depth)
  const encoded: Record<string, unknown> = {}
  let pairs: Iterable<[unknown, unknown]>
  if (value instanceof Tuple) {
    encoded["_ct"] = "rt"
    encoded["_c"] = tupleTypeOf(value)
    if (!encoded["_c"]) throw new EncodeError(`${value.constructor.name} needs a static tupleType`, path)
    pairs = Object.entries(value)
  } else if (value instanceof Map) pairs = value
  else if (isPlain(value)) pairs = Object.entries(value)
  else throw new EncodeError(`a ${value.constructor.name} cannot travel`, path)
  const isTuple = value instanceof Tuple
  let isMistakable = false
  for (const [key, item] of pairs) {
    if (!["string", "number", "bigint"].includes(typeof key))
      throw new EncodeError(`a key is a text or a number, got ${shown(key)}`, path)
    const name = String(key)
    // What is not there is left as it is by the one who reads this.
    if (item === undefined || isForbidden(name) || (isTuple && name.startsWith("_"))) continue
    encoded[name] = toJsonable(item, `${path}.${name}`, depth)
    isMistakable ||= !isTuple && (name === "_ft" || name === "_ct")
  }
  return isMistakable ? { _ft: "dict", _fd: encoded } : encoded
}

export function isPlain(value: unknown): value is Json {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

export const isDict = (value: unknown): value is object => value instanceof Map || isPlain(value)

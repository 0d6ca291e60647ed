/** Equal: whether two values that came in are the same to the last digit, be one of them JSON still. */

import { DateTime } from "./date_time.ts"
import { tupleClassOf } from "./registry.ts"
import { Tuple, tupleTypeOf } from "./tuple.ts"

export function equalValues(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (a instanceof DateTime)
    return a.text === (b as DateTime).text && a.getTime() === (b as DateTime).getTime()
  if (a instanceof Date) return a.getTime() === (b as Date).getTime()
  if (a instanceof Tuple && tupleTypeOf(a) !== tupleTypeOf(b as Tuple)) return false
  if (a instanceof Uint8Array) {
    const other = b as Uint8Array
    return a.length === other.length && a.every((byte, index) => byte === other[index])
  }
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every(
      (name) => Object.hasOwn(b, name) && equalValues(a[name as keyof typeof a], b[name as keyof typeof b]),
    )
  )
}

/**
 * Whether *tuple* is what would be made of *object*, a tuple in JSON of *count* names.
 *
 * It is false too where a value of it is more than a text, a number, a date or the like: such a tuple is made, and
 * compared by `equalValues`.
 */
export function isMadeOf(tuple: Tuple, object: Readonly<Record<string, unknown>>, count: number): boolean {
  const type = object["_c"]
  if (type !== tupleTypeOf(tuple)) return false
  if (Object.getPrototypeOf(tuple) !== (tupleClassOf(type) ?? Tuple).prototype) return false
  const names = Object.keys(tuple)
  return (
    names.length === count - 2 && // all but _ct and _c
    names.every(
      (name) => Object.hasOwn(object, name) && isReadFrom(tuple[name as keyof typeof tuple], object[name]),
    )
  )
}

/** What *json* stands for, where that is a text, a number or the like; undefined where it is more. */
export function primitiveOf(json: unknown): unknown {
  if (typeof json !== "object" || json === null) return json
  const { _ft, _fd } = json as Tagged
  return _ft === "int" && Number.isSafeInteger(_fd) ? (_fd as number) + 0 : undefined // -0 comes as 0
}

interface Tagged {
  readonly _ft?: unknown
  readonly _fd?: unknown
}

function isReadFrom(value: unknown, json: unknown): boolean {
  const primitive = primitiveOf(json)
  if (primitive !== undefined) return Object.is(value, primitive)
  const { _ft, _fd } = json as Tagged
  return _ft === "datetime" && value instanceof DateTime && value.text === _fd && value.isAsItCame
}

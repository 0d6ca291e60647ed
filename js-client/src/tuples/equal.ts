/** Equal: whether two values that came in are the same to the last digit. */

import { DateTime } from "./date_time.ts"
import { Tuple, tupleTypeOf } from "./tuple.ts"

/** A list, or bytes. */
interface Items {
  readonly [index: number]: unknown
  readonly length: number
  every(isSo: (item: unknown, index: number) => boolean): boolean
}

/** Whether there are the same things in both, in the same places. */
export const sameItems = (a: Items, b: Items): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index])

export function equalValues(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (a instanceof DateTime)
    return a.text === (b as DateTime).text && a.getTime() === (b as DateTime).getTime()
  if (a instanceof Date) return a.getTime() === (b as Date).getTime()
  if (a instanceof Tuple && tupleTypeOf(a) !== tupleTypeOf(b as Tuple)) return false
  if (a instanceof Uint8Array) {
    return sameItems(a, b as Uint8Array)
  }
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every(
      (name) => Object.hasOwn(b, name) && equalValues(a[name as keyof typeof a], b[name as keyof typeof b]),
    )
  )
}

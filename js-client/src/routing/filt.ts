/** Filt: which messages an endpoint's filt matches. */

import { isDict, pairsOf, toJsonable } from "../tuples/convert.ts"
import { DateTime, wireText } from "../tuples/date_time.ts"
import type { Filt } from "../protocol/payload.ts"

/** The filt's key that ties an answer to its request. */
export const MESSAGE_ID = "PayloadResponse.messageId"

/** The filt's key that has a server send a message straight back. */
export const SERVER_ECHO = "rapuiServerEcho"

/**
 * A text that is equal for two values exactly if they are the same in a filt, as the server has it: true is 1, a
 * list is what is in it in any order, a date is its instant, and a tuple is what travels.
 *
 * @throws EncodeError if something in it cannot travel.
 */
export function identity(value: unknown): string {
  return JSON.stringify(place(value, false))
}

/** *value* as JSON in which all that is the same is written the same; what begins a list there says what it is. */
function place(value: unknown, isOrdered: boolean): unknown {
  if (value === undefined || value === null || typeof value === "string") return value
  if (typeof value === "boolean") value = Number(value)
  if (Number.isInteger(value)) value = BigInt(value as number)
  if (typeof value === "number" || typeof value === "bigint") return [0, String(value)]
  if (Array.isArray(value) || value instanceof Set) {
    const items = Array.from(value as Iterable<unknown>, (item) => place(item, isOrdered) ?? null)
    return [1, isOrdered ? items : items.map((item) => JSON.stringify(item)).sort()]
  }
  if (isDict(value)) {
    const there = [...pairsOf(value)].filter(([, item]) => item !== undefined)
    return [3, there.map(([key, item]) => JSON.stringify([String(key), place(item, isOrdered)])).sort()]
  }
  if (value instanceof Date) {
    const date = new DateTime(wireText(value))
    return date.text.includes(":") ? [4, date.getTime(), date.microseconds] : [5, date.text]
  }
  return [value instanceof Uint8Array ? 6 : 7, place(toJsonable(value), true)]
}

/** Whether a message of *filt* goes to an endpoint of *wanted*: it has the same of everything, dicts aside. */
export function isSubset(wanted: Filt, filt: Filt): boolean {
  return Object.keys(wanted).every((key) => {
    const value = wanted[key]
    // A dict puts no condition, nor does undefined, which does not travel.
    return value === undefined || isDict(value) || (Object.hasOwn(filt, key) && isSame(value, filt[key]))
  })
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === b || typeof a === "string") return a === b
  try {
    return identity(a) === identity(b)
  } catch {
    return false
  }
}

/** What a message is about: its filt less the messageId and the `rapui` keys, which are of one message. */
export function aboutOf(filt: Filt): Filt {
  return Object.fromEntries(
    Object.entries(filt).filter(([key]) => key !== MESSAGE_ID && !key.startsWith("rapui")),
  )
}

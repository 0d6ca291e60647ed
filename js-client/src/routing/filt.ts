/** Filt: which messages an endpoint's filt matches. */

import { toJsonable } from "../tuples/convert.ts"
import { isPlain } from "../tuples/convert.ts"
import type { Filt } from "../protocol/payload.ts"

/** The filt's key that ties an answer to its request. */
export const MESSAGE_ID = "PayloadResponse.messageId"

/** The filt's key that has a server send a message straight back. */
export const SERVER_ECHO = "rapuiServerEcho"

/** A text that is equal for two values exactly if they are the same in a filt: the order of a list is none. */
export function identity(value: unknown): string {
  return JSON.stringify(sorted(toJsonable(value)))
}

function sorted(json: unknown): unknown {
  if (Array.isArray(json)) return json.map((item) => JSON.stringify(sorted(item))).sort()
  if (typeof json !== "object" || json === null) return json
  return Object.entries(json)
    .map(([name, item]) => [name, sorted(item)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
}

/** Whether a message of *filt* goes to an endpoint of *wanted*: it has the same of everything, dicts aside. */
export function isSubset(wanted: Filt, filt: Filt): boolean {
  return Object.keys(wanted).every(
    (key) =>
      isPlain(wanted[key]) ||
      (Object.hasOwn(filt, key) &&
        (wanted[key] === filt[key] || identity(wanted[key]) === identity(filt[key]))),
  )
}

/** What a message is about: its filt less the messageId and the `rapui` keys, which are of one message. */
export function aboutOf(filt: Filt): Filt {
  return Object.fromEntries(
    Object.entries(filt).filter(([key]) => key !== MESSAGE_ID && !key.startsWith("rapui")),
  )
}

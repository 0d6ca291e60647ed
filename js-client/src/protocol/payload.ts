/** Payload: what is sent and received, a filt, tuples and a result. */

import { unexpected } from "../errors.ts"
import { compositeDecoders, compositeHeads, decodeInto, isPlain } from "../tuples/convert.ts"

/** What a payload is routed by. */
export type Filt = Readonly<Record<string, unknown>>

/** The only thing that is routed. */
export class Payload {
  filt: Filt
  tuples: unknown[]
  /** null: nothing to say; true: done; anything else tells an error. */
  result: unknown
  /** When it was made; null where the sender does not say. */
  date: Date | null

  constructor(
    filt: Filt = {},
    tuples: readonly unknown[] = [],
    result: unknown = null,
    date: Date | null = null,
  ) {
    this.filt = filt
    this.tuples = [...tuples]
    this.result = result
    this.date = date
  }
}

// One that is the value of a field; what is a message is `native_message`'s.
compositeDecoders.set("rp", (object, reading) => {
  const { filt, tuples, result, date } = decodeInto<Partial<Payload>>({}, object, reading, false)
  if (!Array.isArray(tuples ?? [])) throw unexpected("a list", tuples, ".tuples")
  if (!isPlain(filt ?? {})) throw unexpected("an object", filt, ".filt")
  return new Payload(filt ?? {}, tuples ?? [], result ?? null, date instanceof Date ? date : null)
})
compositeHeads.set(Payload, { _ct: "rp", _c: "vortex.Payload.Payload" })

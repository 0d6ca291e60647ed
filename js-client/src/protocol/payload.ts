/** Payload: what is sent and received, a filt, tuples and a result. */

import {
  type Reading,
  compositeDecoders,
  compositeEncoders,
  fromJsonable,
  own,
  toJsonable,
} from "../tuples/convert.ts"
import { DecodeError } from "../errors.ts"

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

/** A payload that is the value of a field; one that is a message is `native_message`'s. */
function readNested(object: Readonly<Record<string, unknown>>, reading: Reading): Payload {
  const part = (name: string): unknown => {
    reading.path.push(name)
    const value = fromJsonable(own(object, name), reading)
    reading.path.pop()
    return value
  }
  const filt = part("filt") ?? {}
  const tuples = part("tuples") ?? []
  const date = part("date")
  if (!Array.isArray(tuples)) throw new DecodeError("expected a list", ".tuples")
  if (typeof filt !== "object" || Array.isArray(filt)) throw new DecodeError("expected an object", ".filt")
  return new Payload(filt as Filt, tuples, part("result") ?? null, date instanceof Date ? date : null)
}

compositeDecoders.set("rp", readNested)
compositeEncoders.set(Payload, (payload: Payload, depth) => ({
  _ct: "rp",
  _c: "vortex.Payload.Payload",
  filt: toJsonable(payload.filt, ".filt", depth),
  tuples: toJsonable(payload.tuples, ".tuples", depth),
  result: toJsonable(payload.result, ".result", depth),
  date: toJsonable(payload.date, ".date", depth),
}))

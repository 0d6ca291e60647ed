/** Payload: what is sent and received, a filt, tuples and a result. */

import type { Limits } from "../limits.ts"
import { defaultLimits } from "../limits.ts"
import {
  Reading,
  compositeDecoders,
  compositeEncoders,
  fromJsonable,
  own,
  toJsonable,
} from "../tuples/convert.ts"
import { DecodeError } from "../errors.ts"
import { type Form, encodeMessage, readMessage } from "./envelope.ts"
import { utf8 } from "./json_text.ts"

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

  /**
   * Read one message of any of VortexPY's wires.
   *
   * @throws DecodeError, LimitExceeded
   */
  static async fromVortexMsg(message: string | Uint8Array, limits: Limits = defaultLimits): Promise<Payload> {
    const text = typeof message === "string" ? message : utf8(message)
    return (await readMessage(text, limits)).open(limits)
  }

  /**
   * This payload as one message.
   *
   * @param form - "raw": JSON, for a WebSocket; "base64": the same within base64, for what is framed by dots.
   * @throws EncodeError if it holds what cannot travel.
   */
  toVortexMsg(form: Form = "base64"): Promise<string> {
    return encodeMessage(this, form)
  }
}

/** A payload that is the value of a field; that of a message is read by its envelope. */
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

/**
 * Envelope: a message that is addressed and not opened, and the wire of VortexPY that it came on.
 *
 *     era 0   base64(zlib(rp))            first byte within the base64: x
 *     era 1   base64(rpe), encodedPayload                                {
 *     era 2   base64(rpe), data                                          {
 *     raw     rpe, data                   first byte of the text:        {
 *
 * `rp` is a payload and `rpe` an envelope around an encoded one, base64(zlib(rp)). All of them are read; what is
 * written is era 2, raw or within base64. Frames are `framing`'s.
 */

import { DecodeError, LimitExceeded, shown } from "../errors.ts"
import type { Limits } from "../limits.ts"
import {
  type Held,
  Reading,
  compositeDecoders,
  fromJsonable,
  isPlain,
  own,
  toJsonable,
} from "../tuples/convert.ts"
import { fromBase64, toBase64 } from "./base64.ts"
import { deflate, inflate } from "./compression.ts"
import { parseJson, utf8 } from "./json_text.ts"
import { type Filt, Payload } from "./payload.ts"

/** How a message is written: JSON, or JSON within base64. */
export type Form = "raw" | "base64"

const UUID_KEY = "__vortexUuid__"
const NAME_KEY = "__vortexName__"

type Json = Readonly<Record<string, unknown>>

/** A message whose body is still encoded. */
export class Envelope {
  readonly filt: Filt
  readonly result: unknown
  readonly date: Date | null
  /** An answer or a push, which is not to be answered. */
  readonly isReply: boolean
  readonly #body: unknown

  constructor(filt: Filt, result: unknown, date: Date | null, isReply: boolean, body: unknown) {
    this.filt = filt
    this.result = result
    this.date = date
    this.isReply = isReply
    this.#body = body
  }

  /** Whether it says who the other end is, and no more. */
  get isHello(): boolean {
    const { [UUID_KEY]: uuid, [NAME_KEY]: name, ...more } = this.filt
    return typeof uuid === "string" && typeof name === "string" && this.#saysNoMoreThan(more)
  }

  /** Whether it says nothing at all. */
  get isEmpty(): boolean {
    return this.#saysNoMoreThan(this.filt)
  }

  #saysNoMoreThan(more: Filt): boolean {
    return this.#body === null && this.result === null && !Object.keys(more).length
  }

  /**
   * Inflate and decode what is in it.
   *
   * @throws DecodeError, LimitExceeded
   */
  async open(limits: Limits): Promise<Payload> {
    return (await this.unpack(limits))()
  }

  /**
   * Inflate what is in it.
   *
   * @returns What decodes it, given what is held of it already.
   * @throws DecodeError, LimitExceeded; so does what it returns.
   *
   * @internal
   */
  async unpack(limits: Limits): Promise<(held?: Held) => Payload> {
    let tuples = this.#body ?? []
    // As era 2 allows, it may be the tuples themselves, or the only one.
    if (typeof tuples !== "string") tuples = Array.isArray(tuples) ? tuples : [tuples]
    else {
      const object = parseJson(utf8(await inflate(fromBase64(tuples), limits.maxInflated)))
      if (!isPlain(object) || own(object, "_ct") !== "rp")
        throw new DecodeError("expected a payload, a JSON object with _ct = 'rp', in the envelope")
      tuples = own(object, "tuples") ?? []
    }
    return (held) => {
      const reading = new Reading(limits)
      reading.path.push("tuples")
      const values = fromJsonable(tuples, reading, held)
      if (!Array.isArray(values)) throw new DecodeError(`expected a list, got ${shown(tuples)}`, ".tuples")
      return new Payload(this.filt, values, this.result, this.date)
    }
  }
}

/**
 * Read one message of any era, but not what is in its body.
 *
 * @param text - A whole message; a dot behind it does not matter. Not an empty frame: that is a beat.
 * @returns A promise only for a message of era 0, all of which is compressed.
 * @throws DecodeError, LimitExceeded; a promise rejects with them.
 */
export function readMessage(text: string, limits: Limits): Envelope | Promise<Envelope> {
  if (text.length > limits.maxFrame)
    throw new LimitExceeded("maxFrame", `a message has over ${limits.maxFrame} characters`)
  if (text.startsWith("{")) return readEnvelope(parseJson(text), new Reading(limits))
  const bytes = fromBase64(text.endsWith(".") ? text.slice(0, -1) : text)
  if (bytes[0] === 0x7b) return readEnvelope(parseJson(utf8(bytes)), new Reading(limits))
  if (bytes[0] === 0x78)
    return inflate(bytes, limits.maxInflated).then((inner) => readEra0(utf8(inner), limits))
  throw new DecodeError("expected JSON or zlib within the base64")
}

/** *payload* as one message, unframed. */
export async function encodeMessage(payload: Payload, form: Form, isReply = false): Promise<string> {
  const filt = toJsonable(payload.filt, ".filt")
  const date = toJsonable(payload.date ?? new Date())
  let data: string | null = null
  if (payload.tuples.length) {
    const tuples = toJsonable(payload.tuples, ".tuples")
    const body = { _ct: "rp", _c: "vortex.Payload.Payload", filt, tuples, date }
    data = toBase64(await deflate(new TextEncoder().encode(JSON.stringify(body))))
  }
  return written(
    { filt, data, result: toJsonable(payload.result, ".result"), date, _isReply: isReply || undefined },
    form,
  )
}

/** The message that says who we are: each end's first on a new line. */
export function hello(uuid: string, name: string, form: Form): string {
  return written({ filt: { [UUID_KEY]: uuid, [NAME_KEY]: name }, data: null, result: null, date: null }, form)
}

function written(fields: Json, form: Form): string {
  const text = JSON.stringify({ _ct: "rpe", _c: "vortex.PayloadEnvelope.PayloadEnvelope", ...fields })
  return form === "raw" ? text : toBase64(new TextEncoder().encode(text))
}

function readEnvelope(object: unknown, reading: Reading): Envelope {
  if (!isPlain(object) || own(object, "_ct") !== "rpe")
    throw new DecodeError("expected an envelope, a JSON object with _ct = 'rpe'")
  let body = own(object, "data") ?? own(object, "encodedPayload") ?? null
  // VortexPY 2.4 has the encoded payload as bytes, and encodes those once more.
  if (isPlain(body) && own(body, "_ft") === "bytes") {
    const inner = own(body, "_fd") ?? ""
    if (typeof inner !== "string")
      throw new DecodeError(`expected a payload in base64, got ${shown(inner)}`, ".data")
    body = utf8(fromBase64(inner))
  }
  return envelopeOf(object, own(object, "filt"), reading, body === "" ? null : body)
}

function readEra0(text: string, limits: Limits): Envelope {
  const object = parseJson(text)
  if (!isPlain(object) || own(object, "_ct") !== "rp")
    throw new DecodeError("expected a payload, a JSON object with _ct = 'rp', in the zlib stream")
  const tuples = own(object, "tuples") ?? null
  if (tuples !== null && !Array.isArray(tuples))
    throw new DecodeError(`expected a list, got ${shown(tuples)}`, ".tuples")
  return envelopeOf(object, own(object, "filt"), new Reading(limits), tuples?.length ? tuples : null)
}

function envelopeOf(object: Json, filtJson: unknown, reading: Reading, body: unknown): Envelope {
  const filt = fromJsonable(filtJson ?? {}, reading)
  if (!isPlain(filt)) throw new DecodeError(`expected an object, got ${shown(filtJson)}`, ".filt")
  if (Object.keys(filt).length > reading.limits.maxFiltItems)
    throw new LimitExceeded("maxFiltItems", "a filt has too many keys")
  const date = fromJsonable(own(object, "date"), reading)
  return new Envelope(
    filt,
    fromJsonable(own(object, "result"), reading) ?? null,
    date instanceof Date ? date : null,
    own(object, "_isReply") === true,
    body,
  )
}

compositeDecoders.set("rpe", (object, reading) => readEnvelope(object, reading))

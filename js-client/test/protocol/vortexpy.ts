/**
 * Messages of VortexPY's wire, which the client does not speak: here the values in the recorded ones are read from,
 * and written to. Runs in Node and in a page.
 */

import { DecodeError, shown } from "../../src/errors.ts"
import { type Limits, defaultLimits } from "../../src/limits.ts"
import { fromBase64, toBase64 } from "../../src/protocol/base64.ts"
import { deflate, inflate } from "../../src/protocol/compression.ts"
import { Envelope } from "../../src/protocol/envelope.ts"
import { parseJson } from "../../src/protocol/json_text.ts"
import type { Payload } from "../../src/protocol/payload.ts"
import {
  Reading,
  compositeDecoders,
  fromJsonable,
  isPlain,
  located,
  own,
  toJsonable,
} from "../../src/tuples/convert.ts"

type Json = Readonly<Record<string, unknown>>

/** UTF-8; or Latin-1, which VortexJS has put where UTF-8 should be. */
function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder("latin1").decode(bytes)
  }
}

/** One message, in any form that was recorded. */
export async function readMessage(text: string, limits: Limits = defaultLimits): Promise<Envelope> {
  if (text.startsWith("{")) return readEnvelope(parseJson(text), new Reading(limits))
  const bytes = fromBase64(text.endsWith(".") ? text.slice(0, -1) : text)
  if (bytes[0] === 0x7b) return readEnvelope(parseJson(utf8(bytes)), new Reading(limits))
  const object = parseJson(utf8(await inflate(bytes, limits.maxInflated)))
  if (!isPlain(object) || own(object, "_ct") !== "rp") throw new DecodeError("expected a payload")
  return envelopeOf(object, new Reading(limits), own(object, "tuples") ?? null)
}

export async function fromVortexMsg(text: string): Promise<Payload> {
  return (await readMessage(text)).open(defaultLimits)
}

/** *payload* as JSON, or as JSON within base64. */
export async function toVortexMsg(payload: Payload, form: "raw" | "base64"): Promise<string> {
  const filt = toJsonable(payload.filt, ".filt")
  const date = toJsonable(payload.date ?? new Date())
  let data: string | null = null
  if (payload.tuples.length) {
    const body = { _ct: "rp", filt, tuples: toJsonable(payload.tuples, ".tuples"), date }
    data = toBase64(await deflate(new TextEncoder().encode(JSON.stringify(body))))
  }
  const text = JSON.stringify({ _ct: "rpe", filt, data, result: toJsonable(payload.result), date })
  return form === "raw" ? text : toBase64(new TextEncoder().encode(text))
}

function readEnvelope(object: unknown, reading: Reading): Envelope {
  if (!isPlain(object) || own(object, "_ct") !== "rpe") throw new DecodeError("expected an envelope")
  let body = own(object, "data") ?? own(object, "encodedPayload") ?? null
  // VortexPY 2.4 has the encoded payload as bytes, and encodes those once more.
  if (isPlain(body) && own(body, "_ft") === "bytes") {
    const inner = own(body, "_fd") ?? ""
    if (typeof inner !== "string") throw new DecodeError(`expected base64, got ${shown(inner)}`)
    body = utf8(fromBase64(inner))
  }
  return envelopeOf(object, reading, body)
}

function envelopeOf(object: Json, reading: Reading, body: unknown): Envelope {
  const filt = fromJsonable(own(object, "filt") ?? {}, reading)
  if (!isPlain(filt)) throw new DecodeError(`expected an object, got ${shown(filt)}`, ".filt")
  const date = fromJsonable(own(object, "date"), reading)
  return new Envelope(
    filt,
    fromJsonable(own(object, "result"), reading) ?? null,
    date instanceof Date ? date : null,
    own(object, "_isReply") === true,
    async (limits) => {
      let tuples = body ?? []
      // It may be the tuples themselves, or the only one.
      if (typeof tuples !== "string") tuples = Array.isArray(tuples) ? tuples : [tuples]
      else if (tuples === "") tuples = []
      else {
        const payload = parseJson(utf8(await inflate(fromBase64(tuples), limits.maxInflated)))
        if (!isPlain(payload) || own(payload, "_ct") !== "rp") throw new DecodeError("expected a payload")
        tuples = own(payload, "tuples") ?? []
      }
      const values = new Reading(limits)
      return located(values, (): unknown[] => {
        const found = fromJsonable(tuples, values)
        if (!Array.isArray(found)) throw new DecodeError(`expected a list, got ${shown(tuples)}`)
        return found as unknown[]
      })
    },
  )
}

compositeDecoders.set("rpe", (object, reading) => readEnvelope(object, reading))

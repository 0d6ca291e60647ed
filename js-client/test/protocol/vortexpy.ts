/**
 * Messages of VortexPY's wire, which the client does not speak: here the values in the recorded ones are read from,
 * and written to. Runs in Node and in a page.
 */

import { DecodeError, shown } from "../../src/errors.ts"
import { type Limits, defaultLimits } from "../../src/limits.ts"
import { fromBase64, toBase64 } from "../../src/protocol/base64.ts"
import { through } from "../../src/protocol/compression.ts"
import type { Envelope } from "../../src/protocol/envelope.ts"
import { parseJson } from "../../src/protocol/json_text.ts"
import { Payload } from "../../src/protocol/payload.ts"
import {
  type Reading,
  compositeDecoders,
  decode,
  isPlain,
  located,
  newReading,
  toJsonable,
} from "../../src/tuples/convert.ts"

const fromJsonable = (value: unknown, reading: Reading): unknown =>
  located(reading, () => decode(value, reading))

type Json = Readonly<Record<string, unknown>>

const own = (object: Json, name: string): unknown => (Object.hasOwn(object, name) ? object[name] : undefined)

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
  if (text.startsWith("{")) return readEnvelope(parseJson(text), newReading(limits))
  const bytes = fromBase64(text.endsWith(".") ? text.slice(0, -1) : text)
  if (bytes[0] === 0x7b) return readEnvelope(parseJson(utf8(bytes)), newReading(limits))
  const object = parseJson(utf8(await through(new DecompressionStream("deflate"), bytes, limits.maxInflated)))
  if (!isPlain(object) || own(object, "_ct") !== "rp") throw new DecodeError("expected a payload")
  return envelopeOf(object, newReading(limits), own(object, "tuples") ?? null)
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
    data = toBase64(
      await through(
        new CompressionStream("deflate"),
        new TextEncoder().encode(JSON.stringify(body)),
        Infinity,
      ),
    )
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
  const head = {
    filt,
    result: fromJsonable(own(object, "result"), reading) ?? null,
    date: date instanceof Date ? date : null,
  }
  return {
    ...head,
    isReply: own(object, "_isReply") === true,
    open: async (limits) => {
      let tuples = body ?? []
      // It may be the tuples themselves, or the only one.
      if (typeof tuples !== "string") tuples = Array.isArray(tuples) ? tuples : [tuples]
      else if (tuples === "") tuples = []
      else {
        const payload = parseJson(
          utf8(await through(new DecompressionStream("deflate"), fromBase64(tuples), limits.maxInflated)),
        )
        if (!isPlain(payload) || own(payload, "_ct") !== "rp") throw new DecodeError("expected a payload")
        tuples = own(payload, "tuples") ?? []
      }
      const values = newReading(limits)
      const opened = located(values, (): unknown[] => {
        const found = fromJsonable(tuples, values)
        if (!Array.isArray(found)) throw new DecodeError(`expected a list, got ${shown(tuples)}`)
        return found as unknown[]
      })
      return new Payload(head.filt, opened, head.result, head.date)
    },
  }
}

compositeDecoders.set("rpe", (object, reading) => readEnvelope(object, reading))

/** A connection without a line: what is asked of it, and answers as a test has them. */

import type { VortexError } from "../../src/errors.ts"
import type { Line } from "../../src/handlers/live_view.ts"
import { defaultLimits } from "../../src/limits.ts"
import { readMessage } from "../../src/protocol/native_message.ts"
import type { Payload } from "../../src/protocol/payload.ts"
import { type EndpointCallback, PayloadEndpoint } from "../../src/routing/payload_endpoint.ts"
import { PayloadIO, type Waiting } from "../../src/routing/payload_io.ts"
import { toJsonable } from "../../src/tuples/convert.ts"
import { groupOf, message } from "../wire.ts"

export interface Asked {
  readonly payload: Payload
  /** Answer it, with tuples as they stand on the wire of VortexPY. */
  answer(tuples: readonly object[], result?: unknown, view?: object): Promise<void>
  fail(error: VortexError): void
}

export class FakeLine implements Line {
  state = "open"
  readonly asked: Asked[] = []
  readonly reported: unknown[] = []
  readonly sent: Payload[] = []
  readonly timers = new Set<{ readonly callback: () => void; readonly ms: number }>()
  readonly payloadIO: PayloadIO
  readonly #callbacks = new Set<() => void>()
  readonly #onReset = new Set<() => void>()

  constructor() {
    const send = (): Promise<void> => Promise.resolve()
    this.payloadIO = new PayloadIO(defaultLimits, send, (error) => {
      this.report(error)
    })
  }

  get listeners(): number {
    return this.#callbacks.size + this.#onReset.size + this.payloadIO.endpoints.length
  }

  listen(filt: Payload["filt"], callback: EndpointCallback): PayloadEndpoint {
    return new PayloadEndpoint(filt, callback, this)
  }

  onStateChange(callback: () => void): () => void {
    this.#callbacks.add(callback)
    return () => this.#callbacks.delete(callback)
  }

  onReset(callback: () => void): () => void {
    this.#onReset.add(callback)
    return () => this.#onReset.delete(callback)
  }

  later(callback: () => void, ms: number): () => void {
    const timer = { callback, ms }
    this.timers.add(timer)
    return () => this.timers.delete(timer)
  }

  /** So much time passes that all that waits for a time is done. */
  wait(): void {
    for (const timer of [...this.timers]) if (this.timers.delete(timer)) timer.callback()
  }

  readonly report = (error: unknown): void => {
    this.reported.push(error)
  }

  send(payload: Payload): Promise<void> {
    this.sent.push(payload)
    return Promise.resolve()
  }

  request(payload: Payload, options: { readonly taken?: (answer: Payload) => void } = {}): Promise<Payload> {
    // As it travels: without what is undefined.
    if ("live" in payload.filt) payload.filt = { ...payload.filt, live: toJsonable(payload.filt["live"]) }
    return new Promise((done, reject) => {
      const resolve = (answer: Payload): void => {
        options.taken?.(answer)
        done(answer)
      }
      this.asked.push({
        payload,
        answer: (tuples, result = null, view) =>
          this.comes({ ...payload.filt, view }, tuples, result, { resolve, reject }),
        fail: reject,
      })
    })
  }

  /** A message comes in. */
  comes(filt: object, tuples: readonly object[], result: unknown = null, waiting?: Waiting): Promise<void> {
    const bytes = message({ f: toJsonable(filt) as object, r: result, body: tuples.map(groupOf) })
    return this.payloadIO.route(readMessage(Uint8Array.from(bytes), defaultLimits), waiting)
  }

  #change(state: string): void {
    this.state = state
    for (const callback of [...this.#callbacks]) callback()
  }

  /** The line is lost; what waits for an answer waits on. */
  lose(): void {
    this.#change("waiting")
  }

  close(): void {
    this.#change("closed")
  }

  /** The line comes back, with the same session. */
  open(): void {
    this.#change("open")
  }

  /** Another session begins: on a line that comes back, or while it is there. */
  reset(): void {
    for (const callback of [...this.#onReset]) callback()
    if (this.state !== "open") this.open()
  }

  /** The last thing that was asked. */
  get last(): Asked {
    const last = this.asked.at(-1)
    if (!last) throw new Error("nothing was asked")
    return last
  }
}

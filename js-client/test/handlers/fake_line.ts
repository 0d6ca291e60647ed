/** A connection without a line: what is asked of it, and answers as a test has them. */

import { ConnectionLost, VortexError } from "../../src/errors.ts"
import type { Line } from "../../src/handlers/loader.ts"
import { defaultLimits } from "../../src/limits.ts"
import { readMessage } from "../../src/protocol/envelope.ts"
import { Payload } from "../../src/protocol/payload.ts"
import { MESSAGE_ID } from "../../src/routing/filt.ts"
import { type EndpointCallback, PayloadEndpoint } from "../../src/routing/payload_endpoint.ts"
import { PayloadIO } from "../../src/routing/payload_io.ts"

export interface Asked {
  readonly payload: Payload
  /** Answer it, with tuples as they stand on the wire. */
  answer(tuples: readonly object[], result?: unknown): Promise<void>
  fail(error: VortexError): void
}

export class FakeLine implements Line {
  state = "open"
  readonly asked: Asked[] = []
  readonly reported: unknown[] = []
  readonly payloadIO: PayloadIO
  readonly #callbacks = new Set<() => void>()

  constructor() {
    const send = (): Promise<void> => Promise.resolve()
    this.payloadIO = new PayloadIO(defaultLimits, send, (error) => {
      this.report(error)
    })
  }

  get listeners(): number {
    return this.#callbacks.size + this.payloadIO.endpoints.length
  }

  listen(filt: Payload["filt"], callback: EndpointCallback): PayloadEndpoint {
    return new PayloadEndpoint(filt, callback, this)
  }

  onStateChange(callback: () => void): () => void {
    this.#callbacks.add(callback)
    return () => this.#callbacks.delete(callback)
  }

  report(error: unknown): void {
    this.reported.push(error)
  }

  request(payload: Payload): Promise<Payload> {
    const id = String(this.asked.length)
    const filt = { ...payload.filt, [MESSAGE_ID]: id }
    const { answer, withdraw } = this.payloadIO.waitFor(id)
    this.asked.push({
      payload,
      answer: (tuples, result = null) => this.comes(filt, tuples, result),
      fail: withdraw,
    })
    return answer
  }

  /** A message comes in. */
  comes(filt: object, tuples: readonly object[], result: unknown = null): Promise<void> {
    const text = JSON.stringify({ _ct: "rpe", filt, data: tuples, result })
    return this.payloadIO.route(readMessage(text, defaultLimits))
  }

  /** The line is lost, with all that waits for an answer. */
  lose(): void {
    this.state = "waiting"
    this.payloadIO.failAll(new ConnectionLost("it broke"))
    for (const callback of this.#callbacks) callback()
  }

  close(): void {
    this.lose()
    this.state = "closed"
    for (const callback of this.#callbacks) callback()
  }

  open(): void {
    this.state = "open"
    for (const callback of this.#callbacks) callback()
  }

  /** The last thing that was asked. */
  get last(): Asked {
    const last = this.asked.at(-1)
    if (!last) throw new Error("nothing was asked")
    return last
  }
}

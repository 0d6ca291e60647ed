/**
 * PayloadIO: takes each message to the endpoints that it matches, and to who waits for it.
 *
 * Messages are delivered in the order they came in, although what is in them is unpacked meanwhile. It is unpacked
 * once, and only if somebody wants it. What one callback raises is reported, and is nothing to the next.
 */

import { type VortexError, errorOf } from "../errors.ts"
import type { Limits } from "../limits.ts"
import type { Envelope } from "../protocol/envelope.ts"
import type { Payload } from "../protocol/payload.ts"
import { Delivery } from "./delivery.ts"
import { MESSAGE_ID, isSubset } from "./filt.ts"
import type { PayloadEndpoint } from "./payload_endpoint.ts"

interface Waiting {
  resolve: (payload: Payload) => void
  reject: (error: unknown) => void
}

/** Brings each message to those whose filt it holds, and each answer to the one who waits for it. */
export class PayloadIO {
  readonly #limits: Limits
  readonly #send: (payload: Payload) => Promise<void>
  readonly #onError: (error: unknown) => void
  readonly #endpoints = new Set<PayloadEndpoint>()
  readonly #waiting = new Map<string, Waiting>()
  #last: Promise<void> = Promise.resolve()

  /**
   * @param send - Sends what a callback answers.
   * @param onError - Is told what could not be read, and what a callback raised.
   */
  constructor(limits: Limits, send: (payload: Payload) => Promise<void>, onError: (error: unknown) => void) {
    this.#limits = limits
    this.#send = send
    this.#onError = onError
  }

  /** Those that listen, the eldest first. */
  get endpoints(): readonly PayloadEndpoint[] {
    return [...this.#endpoints]
  }

  /** For endpoints. */
  add(endpoint: PayloadEndpoint): void {
    this.#endpoints.add(endpoint)
  }

  /** For endpoints. */
  discard(endpoint: PayloadEndpoint): void {
    this.#endpoints.delete(endpoint)
  }

  /**
   * Deliver a message, after those that came before.
   *
   * @returns When that is done; it never rejects.
   */
  route(coming: Envelope | Promise<Envelope>): Promise<void> {
    // Whoever waits for it has it from here on, even if the line breaks before it is unpacked.
    let claimed = coming instanceof Promise ? undefined : this.#claim(coming)
    // It may fail before its turn has come.
    if (coming instanceof Promise) coming.catch(() => undefined)
    this.#last = this.#last.then(async () => {
      try {
        const envelope = await coming
        claimed ??= this.#claim(envelope)
        await this.#deliver(envelope, claimed)
      } catch (error) {
        claimed?.reject(error)
        this.#onError(error)
      }
    })
    return this.#last
  }

  /** Have the answer to the request of that id brought to one who waits for it. */
  waitFor(id: string): {
    readonly answer: Promise<Payload>
    /** Wait no longer: the answer rejects with this. */
    readonly withdraw: (reason: unknown) => void
  } {
    const answer = new Promise<Payload>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
    })
    const withdraw = (reason: unknown): void => {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      waiting?.reject(reason)
    }
    return { answer, withdraw }
  }

  /** End every request whose answer has not come in with *error*. */
  failAll(error: VortexError): void {
    const all = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const waiting of all) waiting.reject(error)
  }

  #claim(envelope: Envelope): Waiting | undefined {
    const id = envelope.filt[MESSAGE_ID]
    if (typeof id !== "string") return undefined
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }

  async #deliver(envelope: Envelope, waiting: Waiting | undefined): Promise<void> {
    const isWanted = (endpoint: PayloadEndpoint): boolean => isSubset(endpoint.filt, envelope.filt)
    if (!waiting && !this.endpoints.some(isWanted)) return
    const decode = await envelope.unpack(this.#limits)
    const wanted = this.endpoints.filter(isWanted)
    const only = waiting || wanted.length > 1 ? undefined : wanted[0]
    const payload = decode(only?.held?.())
    const error = errorOf(payload.result)
    if (error) waiting?.reject(error)
    else waiting?.resolve(payload)
    const delivery = new Delivery(envelope.filt, envelope.isReply, this.#send)
    for (const endpoint of wanted) {
      // One that came before may have shut it down.
      if (this.#endpoints.has(endpoint)) this.#call(endpoint, payload, delivery)
    }
  }

  #call(endpoint: PayloadEndpoint, payload: Payload, delivery: Delivery): void {
    try {
      Promise.resolve(endpoint.callback(payload, delivery)).catch(this.#onError)
    } catch (error) {
      this.#onError(error)
    }
  }
}

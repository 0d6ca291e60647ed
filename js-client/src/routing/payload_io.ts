/**
 * PayloadIO: takes each message to the endpoints that it matches, and to who waits for it.
 *
 * Messages are delivered in the order they came in, although what is in them is unpacked meanwhile. It is unpacked
 * once, and only if somebody wants it. What one callback raises is reported, and is nothing to the next.
 */

import { errorOf } from "../errors.ts"
import type { Limits } from "../limits.ts"
import type { Envelope } from "../protocol/envelope.ts"
import { Payload } from "../protocol/payload.ts"
import type { Delivery } from "./delivery.ts"
import type { PayloadEndpoint } from "./payload_endpoint.ts"

/** Who waits for an answer. */
export interface Waiting {
  /** The answer has come. */
  readonly resolve: (payload: Payload) => void
  /** It tells an error, or cannot be read. */
  readonly reject: (error: unknown) => void
}

/** Brings each message to those whose filt it holds, and each answer to the one who waits for it. */
export class PayloadIO {
  readonly #limits: Limits
  readonly #send: (payload: Payload) => Promise<void>
  readonly #onError: (error: unknown) => void
  readonly #endpoints = new Set<PayloadEndpoint>()
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
   * @param waiting - Who has waited for it.
   * @returns When that is done; it never rejects.
   */
  route(envelope: Envelope, waiting?: Waiting): Promise<void> {
    this.#last = this.#last.then(async () => {
      try {
        await this.#deliver(envelope, waiting)
      } catch (error) {
        waiting?.reject(error)
        this.#onError(error)
      }
    })
    return this.#last
  }

  async #deliver(envelope: Envelope, waiting: Waiting | undefined): Promise<void> {
    const isWanted = (endpoint: PayloadEndpoint): boolean => endpoint.wants(envelope.filt)
    if (!waiting && !this.endpoints.some(isWanted)) return
    const payload = await envelope.open(this.#limits)
    const wanted = this.endpoints.filter(isWanted)
    const error = errorOf(payload.result)
    if (error) waiting?.reject(error)
    else waiting?.resolve(payload)
    const { filt, isReply } = envelope
    const delivery: Delivery = {
      filt,
      isReply,
      reply: (tuples = [], result = true) => this.#send(new Payload(filt, tuples, result)),
    }
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

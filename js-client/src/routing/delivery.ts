/** Delivery: one message on its way to who wants it, and how to answer it. */

import type { Filt } from "../protocol/payload.ts"
import { Payload } from "../protocol/payload.ts"

/** What a callback gets beside the payload. */
export class Delivery {
  /** The filt that the message came with. */
  readonly filt: Filt
  /** Whether it is an answer or a push: then it is not answered again. */
  readonly isReply: boolean
  readonly #send: (payload: Payload) => Promise<void>

  constructor(filt: Filt, isReply: boolean, send: (payload: Payload) => Promise<void>) {
    this.filt = filt
    this.isReply = isReply
    this.#send = send
  }

  /** Answer it, under the filt that it came with. */
  reply(tuples: readonly unknown[] = [], result: unknown = true): Promise<void> {
    return this.#send(new Payload(this.filt, tuples, result))
  }
}

/** Envelope: a message that is addressed and not opened. How it stands on the wire is `native_message`'s. */

import type { Limits } from "../limits.ts"
import { type Filt, Payload } from "./payload.ts"

/** A message whose body is still encoded. */
export class Envelope {
  readonly filt: Filt
  readonly result: unknown
  readonly date: Date | null
  /** An answer or a push, which is not to be answered. */
  readonly isReply: boolean
  readonly #body: (limits: Limits) => unknown[] | Promise<unknown[]>

  /** @param body - Inflates and decodes what is in it; throws DecodeError and LimitExceeded. */
  constructor(
    filt: Filt,
    result: unknown,
    date: Date | null,
    isReply: boolean,
    body: (limits: Limits) => unknown[] | Promise<unknown[]>,
  ) {
    this.filt = filt
    this.result = result
    this.date = date
    this.isReply = isReply
    this.#body = body
  }

  /**
   * Inflate and decode what is in it.
   *
   * @throws DecodeError, LimitExceeded
   */
  async open(limits: Limits): Promise<Payload> {
    return new Payload(this.filt, await this.#body(limits), this.result, this.date)
  }
}

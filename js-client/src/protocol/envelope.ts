/** Envelope: a message that is addressed and not opened. How it stands on the wire is `native_message`'s. */

import type { Limits } from "../limits.ts"
import type { Held } from "../tuples/convert.ts"
import { type Filt, Payload } from "./payload.ts"

/** What gives a body's values, once it is unpacked; *held* is what is there of them already. */
export type DecodeBody = (held?: Held) => unknown[]

/** A message whose body is still encoded. */
export class Envelope {
  readonly filt: Filt
  readonly result: unknown
  readonly date: Date | null
  /** An answer or a push, which is not to be answered. */
  readonly isReply: boolean
  readonly #body: (limits: Limits) => DecodeBody | Promise<DecodeBody>

  /** @param body - Inflates what is in it; throws DecodeError and LimitExceeded, as does what it returns. */
  constructor(
    filt: Filt,
    result: unknown,
    date: Date | null,
    isReply: boolean,
    body: (limits: Limits) => DecodeBody | Promise<DecodeBody>,
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
    const decode = await this.#body(limits)
    return (held) => new Payload(this.filt, decode(held), this.result, this.date)
  }
}

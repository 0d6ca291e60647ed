/** Envelope: a message that is addressed and not opened. How it stands on the wire is `native_message`'s. */

import type { Limits } from "../limits.ts"
import type { Filt, Payload } from "./payload.ts"

/** A message whose body is still encoded. */
export interface Envelope {
  readonly filt: Filt
  readonly result: unknown
  readonly date: Date | null
  /** An answer or a push, which is not to be answered. */
  readonly isReply: boolean
  /**
   * Inflate and decode what is in it.
   *
   * @throws DecodeError, LimitExceeded
   */
  open(limits: Limits): Promise<Payload>
}

/** Delivery: one message on its way to who wants it, and how to answer it. */

import type { Filt } from "../protocol/payload.ts"

/** What a callback gets beside the payload. */
export interface Delivery {
  /** The filt that the message came with. */
  readonly filt: Filt
  /** Whether it is an answer or a push: then it is not answered again. */
  readonly isReply: boolean
  /** Answer it, under the filt that it came with; default: that it is done, without tuples. */
  reply(tuples?: readonly unknown[], result?: unknown): Promise<void>
}

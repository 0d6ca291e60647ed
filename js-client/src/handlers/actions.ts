/** Actions: what a page wants done, and what it shows until that is so. */

import { type Filt, Payload } from "../protocol/payload.ts"
import type { AnyTuple, Tuple } from "../tuples/tuple.ts"
import { newUuid } from "../uuid.ts"
import type { Line } from "./live_view.ts"
import { viewOf } from "./live_rows.ts"
import type { Prediction } from "./prediction.ts"

/** How one action is made. */
export interface ActOptions {
  /**
   * What is shown ahead of the answer: what views give for `withCreated`, `withUpdated` and `withDeleted`. If the action
   * fails it is gone, and what is under it is there; if not, it stays until the rows have it by themselves.
   */
  readonly optimistic?: Prediction | readonly Prediction[]
  /** How long to wait for the answer, in milliseconds. */
  readonly timeout?: number
  /** Ends the wait with its reason; the server is told, and may stop. */
  readonly signal?: AbortSignal
  /** What stands beside the processor's name in the filt of the server's handler. */
  readonly filt?: Filt
}

export async function act(
  line: Line,
  name: string,
  action: Tuple,
  { optimistic = [], filt, ...options }: ActOptions = {},
): Promise<unknown[]> {
  const predictions = [optimistic].flat()
  // By it the server knows the action again, should a middle node that is killed bring it twice.
  ;(action as AnyTuple)["uuid"] ??= newUuid()
  for (const one of predictions) one.lay()
  try {
    const payload = new Payload({ ...filt, key: "tupleActionProcessorName", name }, [action])
    const { tuples } = await line.request(payload, {
      ...options,
      taken: (answer) => {
        for (const one of predictions) one.settle(viewOf(answer.filt)?.after ?? {})
      },
    })
    return tuples
  } catch (error) {
    for (const one of predictions) one.lift()
    throw error
  }
}

/** PayloadEndpoint: a filt, and who is called with the payloads that it matches. */

import { shown } from "../errors.ts"
import type { Filt, Payload } from "../protocol/payload.ts"
import { onAbort } from "../typed_events.ts"
import type { Delivery } from "./delivery.ts"
import { isSubset } from "./filt.ts"
import type { PayloadIO } from "./payload_io.ts"

/** What an endpoint calls; a promise that it returns is waited for by nobody, its failure is reported. */
export type EndpointCallback = (payload: Payload, delivery: Delivery) => unknown

/**
 * Have *callback* called with each payload whose filt holds what *filt* holds.
 *
 * It lasts until `shutdown`, or until its signal says so: nothing else ends it.
 */
export class PayloadEndpoint {
  readonly filt: Filt
  readonly callback: EndpointCallback
  /**
   * Whether it is to have a message of that filt; who has made it may know better.
   *
   * @internal
   */
  wants = (filt: Filt): boolean => isSubset(this.filt, filt)
  readonly #payloadIO: PayloadIO
  #stopListening: (() => void) | undefined

  /**
   * @param owner - A connection, or its `payloadIO`.
   * @throws TypeError if *filt* has no key to route by.
   */
  constructor(
    filt: Filt,
    callback: EndpointCallback,
    owner: PayloadIO | { readonly payloadIO: PayloadIO },
    options: { readonly signal?: AbortSignal } = {},
  ) {
    if (!Object.hasOwn(filt, "key"))
      throw new TypeError(`a filt needs a 'key' to route by, got ${shown(filt)}`)
    this.filt = { ...filt }
    this.callback = callback
    this.#payloadIO = "payloadIO" in owner ? owner.payloadIO : owner
    const { signal } = options
    if (signal?.aborted) return
    this.#payloadIO.add(this)
    this.#stopListening = onAbort(signal, () => {
      this.shutdown()
    })
  }

  /** Have it called no more. */
  shutdown(): void {
    this.#payloadIO.discard(this)
    this.#stopListening?.()
  }
}

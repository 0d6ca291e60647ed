/** PayloadEndpoint: a filt, and who is called with the payloads that it matches. */

import { shown } from "../errors.ts"
import type { Filt, Payload } from "../protocol/payload.ts"
import type { Held } from "../tuples/convert.ts"
import type { Delivery } from "./delivery.ts"
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
   * What it holds of a push, which then comes with the same objects where nothing has changed. Of a push that others
   * want too all are made anew.
   *
   * @internal
   */
  held: (() => Held) | null = null
  readonly #payloadIO: PayloadIO
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = (): void => {
    this.shutdown()
  }

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
      throw new TypeError(`an endpoint's filt needs a 'key' to route by, got ${shown(filt)}`)
    this.filt = { ...filt }
    this.callback = callback
    this.#payloadIO = "payloadIO" in owner ? owner.payloadIO : owner
    this.#signal = options.signal
    if (this.#signal?.aborted) return
    this.#payloadIO.add(this)
    this.#signal?.addEventListener("abort", this.#onAbort)
  }

  /** Have it called no more. */
  shutdown(): void {
    this.#payloadIO.discard(this)
    this.#signal?.removeEventListener("abort", this.#onAbort)
  }
}

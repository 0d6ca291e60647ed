/**
 * HTTP, later: opens transports over POST, whose code is fetched when the first of them is to be opened.
 *
 * A connection whose code cannot be had is lost like any other, and tried again like any other.
 */

import type { HttpOptions } from "./http.ts"
import type { Transport, TransportKind, TransportListener } from "./transport.ts"

/** Browsers of before 2026 remember that a file could not be had: every other time it is asked for by a new name. */
let again = ""

/** @param isAuto - Whether another kind may take the place of this one. */
export function openHttp(
  kind: Exclude<TransportKind, "websocket">,
  options: HttpOptions,
  listener: TransportListener,
  isAuto: boolean,
): Transport {
  let transport: Transport | undefined
  let isClosed = false
  load()
    .then(({ openers }) => {
      if (!isClosed) transport = openers[kind](options, listener, isAuto)
    })
    .catch((error: unknown) => {
      again = again ? "" : `./vortex-http.mjs?${Date.now()}`
      if (!isClosed) listener.lost(`vortex-http.mjs cannot be used: ${String(error)}`)
    })
  return {
    flush: () => transport?.flush(),
    close: (last) => {
      isClosed = true
      transport?.close(last)
    },
  }
}

const load = (): Promise<typeof import("./http_transports.ts")> =>
  again ? import(again) : import("./http_transports.ts")

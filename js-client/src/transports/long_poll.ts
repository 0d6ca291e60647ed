/** Long poll: POSTs one after the other, each answered when there is something; for what holds back responses. */

import { NativeDecoder } from "../protocol/native.ts"
import { type HttpOptions, HttpTransport, VORTEX_TYPE } from "./http.ts"
import type { Transport, TransportListener } from "./transport.ts"

/** How long the server may wait for something to tell, in seconds. */
const WAIT = 25

/** A server that does not wait is asked no more often than this. */
const PAUSE_MS = 1_000

/** After how long it is tried whether something better gets through, give or take a fifth. */
const IMPROVE_MS = 300_000

/** How often it is looked whether another connection that was to take over has failed. */
const MOVING_MS = 100

export function openLongPoll(options: HttpOptions, listener: TransportListener): Transport {
  const { clock, limits, random } = options
  return new HttpTransport(options, listener, async (transport) => {
    await Promise.resolve()
    const pause = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        transport.after(ms, resolve)
      })
    const improve = (): void => {
      transport.after(IMPROVE_MS * (0.8 + 0.4 * random()), () => {
        listener.renew("websocket")
        improve()
      })
    }
    improve()
    // The first is answered at once: then it is known who is there.
    for (let wait = 0; !transport.isClosed; wait = WAIT) {
      const start = clock.now()
      const decoder = new NativeDecoder(limits.maxFrame)
      let count = 0
      await transport.post(
        [listener.hello("poll", wait)],
        VORTEX_TYPE,
        wait * 1000 + limits.helloTimeoutMs,
        (chunk) => {
          for (const bytes of decoder.feed(chunk)) {
            count++
            listener.frame(bytes)
          }
        },
      )
      if (!count) throw new Error("the server said nothing")
      if (wait && count < 2 && clock.now() - start < PAUSE_MS) await pause(PAUSE_MS)
      while (listener.isMoving()) await pause(MOVING_MS)
    }
  })
}

/** Fetch stream: the response to one POST, held open, which brings frames as they come. */

import { NativeDecoder } from "../protocol/native.ts"
import { type HttpOptions, HttpTransport, VORTEX_TYPE } from "./http.ts"
import type { Transport, TransportListener } from "./transport.ts"

/** After how long another response takes over, give or take a fifth; and after how much. The server ends it later. */
const ROTATE_MS = 300_000
const ROTATE_BYTES = 24 << 20

/** Makes, for each response, what takes its bytes. */
type MakeReader = (listener: TransportListener) => (chunk: Uint8Array) => void

/** A response of bytes. */
export function openFetchStream(options: HttpOptions, listener: TransportListener): Transport {
  return openHeld("stream", VORTEX_TYPE, options, listener, () => {
    const decoder = new NativeDecoder(options.limits.maxFrame)
    return (chunk) => {
      for (const bytes of decoder.feed(chunk)) listener.frame(bytes)
    }
  })
}

/** A response of *type* that is held open; another is asked for before it gets too old or too long. */
export function openHeld(
  via: "stream" | "sse",
  type: string,
  options: HttpOptions,
  listener: TransportListener,
  makeReader: MakeReader,
): Transport {
  return new HttpTransport(options, listener, async (transport) => {
    // Nothing is told while it is being opened.
    await Promise.resolve()
    let left = ROTATE_BYTES
    const read = makeReader(listener)
    const renew = (): void => {
      listener.renew()
    }
    const onChunk = (chunk: Uint8Array): void => {
      listener.heard()
      read(chunk)
      if (left > 0 && (left -= chunk.length) <= 0) renew()
    }
    const lateMs = ROTATE_MS * (0.8 + 0.4 * options.random())
    await transport.post([listener.hello(via)], type, lateMs, onChunk, renew)
  })
}

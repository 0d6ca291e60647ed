/** Fetch stream: the response to one POST, held open, which brings frames as they come. */

import { NativeDecoder } from "../protocol/native.ts"
import { type HttpOptions, HttpTransport, VORTEX_TYPE } from "./http.ts"
import type { Transport, TransportListener } from "./transport.ts"

/** After how long another response takes over, give or take a fifth; and after how much. The server ends it later. */
const ROTATE_MS = 300_000
const ROTATE_BYTES = 24 << 20

/** Until when a response has to begin, or something in between holds it back. */
const BUFFERED_MS = 3_000

/** One that ends sooner than this, so many times in a row, is held back too. */
const QUICK_MS = 2_000
const QUICK_ENDS = 3

/** Makes, for each response, what takes its bytes. */
type MakeReader = (onFrame: (bytes: Uint8Array) => void) => (chunk: Uint8Array) => void

/** A response of bytes. */
export function openFetchStream(
  options: HttpOptions,
  listener: TransportListener,
  isAuto: boolean,
): Transport {
  return openHeld("stream", VORTEX_TYPE, options, listener, isAuto, (onFrame) => {
    const decoder = new NativeDecoder(options.limits.maxFrame)
    return (chunk) => {
      for (const bytes of decoder.feed(chunk)) onFrame(bytes)
    }
  })
}

/** A response of *type* that is held open; another is asked for before it gets too old or too long. */
export function openHeld(
  via: "stream" | "sse",
  type: string,
  options: HttpOptions,
  listener: TransportListener,
  isAuto: boolean,
  makeReader: MakeReader,
): Transport {
  const { clock, random } = options
  let begunAt: number | undefined
  const isBuffered = (): boolean => {
    const isQuick = begunAt !== undefined && clock.now() - begunAt < QUICK_MS
    const isOneTooMany = isQuick && options.quickEnds + 1 >= QUICK_ENDS
    options.quickEnds = isQuick && !isOneTooMany ? options.quickEnds + 1 : 0
    return isOneTooMany
  }
  const run = async (transport: HttpTransport): Promise<void> => {
    // Nothing is told while it is being opened.
    await Promise.resolve()
    const onSilence = (): void => {
      transport.lose(`the server said nothing for ${BUFFERED_MS / 1000} s`, true)
    }
    const stop = isAuto ? transport.after(BUFFERED_MS, onSilence) : null
    let left = ROTATE_BYTES
    const read = makeReader((bytes) => {
      stop?.()
      begunAt ??= clock.now()
      listener.frame(bytes)
    })
    const renew = (): void => {
      listener.renew()
    }
    const onChunk = (chunk: Uint8Array): void => {
      listener.heard()
      read(chunk)
      if (left > 0 && (left -= chunk.length) <= 0) renew()
    }
    const lateMs = ROTATE_MS * (0.8 + 0.4 * random())
    await transport.post([listener.hello(via)], type, lateMs, onChunk, renew)
  }
  return new HttpTransport(options, listener, run, isBuffered)
}

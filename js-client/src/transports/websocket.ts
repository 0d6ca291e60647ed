/** WebSocket: a browser's, or one with the same interface, as a `Transport`. Each message holds whole frames. */

import { messageOf, nothing } from "../errors.ts"
import { NativeDecoder, SUBPROTOCOL, joined } from "../protocol/native.ts"
import type { Transport, TransportListener } from "./transport.ts"

/** What of a WebSocket is used; a browser's has it, so has that of the package `ws`. */
export interface SocketLike {
  /** How what comes is handed over. */
  binaryType: string
  /** Called when it is open. */
  onopen: ((event: never) => void) | null
  /** Called with each message, in `data`. */
  onmessage: ((event: never) => void) | null
  /** Called once it is over, with `code` and `reason`. */
  onclose: ((event: never) => void) | null
  /** Called when it fails, before `onclose`. */
  onerror: ((event: never) => void) | null
  /** Send one message. */
  send(bytes: Uint8Array<ArrayBuffer>): void
  /** End it in good order. */
  close(): void
}

/** Makes the WebSocket to a URL, for a subprotocol, as `WebSocket` does. */
export type SocketConstructor = new (url: string, protocol: string) => SocketLike

/**
 * @param url - Where to; http and https stand for ws and wss.
 * @param Socket - The constructor, a browser's `WebSocket` or its equal.
 * @param maxFrame - Bytes that one frame may have.
 */
export function openWebSocket(
  url: URL,
  Socket: SocketConstructor,
  maxFrame: number,
  listener: TransportListener,
): Transport {
  const socket = new Socket(url.href.replace(/^http/, "ws"), SUBPROTOCOL)
  const decoder = new NativeDecoder(maxFrame)
  socket.binaryType = "arraybuffer"
  const leave = (): void => {
    // onerror stays: some raise an error that nobody listens to, and closing a half-open one is such an error.
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
  }
  const lose = (reason: string): void => {
    leave()
    listener.lost(reason)
  }
  socket.onopen = () => {
    socket.send(listener.hello())
  }
  socket.onmessage = ({ data }: { data: unknown }) => {
    try {
      if (!(data instanceof ArrayBuffer)) throw new Error("expected binary messages, got text")
      for (const bytes of decoder.feed(new Uint8Array(data))) listener.frame(bytes)
    } catch (error) {
      lose(messageOf(error))
    }
  }
  socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
    lose(reason || `the WebSocket was closed (${code})`)
  }
  // The close that follows tells.
  socket.onerror = nothing
  return {
    flush: () => {
      const frames = listener.take()
      if (frames.length) socket.send(joined(frames))
    },
    close: (last) => {
      if (last) socket.send(joined(last))
      leave()
    },
  }
}

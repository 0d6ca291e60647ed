/** WebSocket: a browser's, or one with the same interface, as a `FrameTransport`. One text frame, one message. */

import type { FrameTransport, TransportListener } from "./transport.ts"

/** What of a WebSocket is used; a browser's has it, so has that of the package `ws`. */
export interface SocketLike {
  /** Called when it is open. */
  onopen: ((event: never) => void) | null
  /** Called with each frame, in `data`. */
  onmessage: ((event: never) => void) | null
  /** Called once it is over, with `code` and `reason`. */
  onclose: ((event: never) => void) | null
  /** Called when it fails, before `onclose`. */
  onerror: ((event: never) => void) | null
  /** Send one text frame. */
  send(text: string): void
  /** End it in good order. */
  close(): void
}

/** Makes the WebSocket to a URL, as `WebSocket` does. */
export type SocketConstructor = new (url: string) => SocketLike

/**
 * @param url - Where to, with the query that says who we are; http and https stand for ws and wss.
 * @param Socket - The constructor, a browser's `WebSocket` or its equal.
 */
export function openWebSocket(
  url: URL,
  Socket: SocketConstructor,
  listener: TransportListener,
): FrameTransport {
  const socket = new Socket(url.href.replace(/^http/, "ws"))
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
    listener.opened("raw")
  }
  socket.onmessage = ({ data }: { data: unknown }) => {
    if (typeof data === "string") listener.frame(data)
    else lose("expected text frames, got a binary one")
  }
  socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
    lose(reason || `the WebSocket was closed (${code})`)
  }
  socket.onerror = () => {
    // The close that follows tells.
  }
  return {
    send: (messages) => {
      for (const message of messages) socket.send(message || ".")
    },
    close: leave,
  }
}

/**
 * What a transport is to the session that it carries.
 *
 * A transport moves whole frames and knows nothing of what is in them. It never calls its listener while it
 * is being opened, nor after it was closed, nor does anything that the listener throws reach it.
 */

import type { Bytes } from "../protocol/native.ts"
import type { Via } from "../protocol/session.ts"

/**
 * The ways to reach one and the same server: a WebSocket; a POST whose response is held open, as bytes or as
 * events; and POSTs one after the other, each answered when there is something.
 */
export type TransportKind = "websocket" | "post" | "sse" | "poll"

/** One open, or opening, connection. */
export interface Transport {
  /** Take what there is to send, now or when the time has come. */
  flush(): void
  /**
   * Leave at once: nothing is told from here on, and nothing stays open.
   *
   * @param last - What the server should still get, if it can be, even where the page is going away.
   */
  close(last?: readonly Bytes[]): void
}

/** Who is told what happens on a transport, and has what it sends. */
export interface TransportListener {
  /** How many sessions came before the present one. */
  readonly generation: number
  /** Whether another connection is about to take over: then no hello of this one may come in between. */
  isMoving(): boolean
  /** The first frame of a connection. */
  hello(via?: Via, wait?: number): Bytes
  /** The first frame of a POST that only sends; null while there is nothing that may be sent. */
  sendHead(): Bytes | null
  /** The frames to send next, so many messages at most, which are on their way from here on. */
  take(most?: number): Bytes[]
  /** The last message that was taken will not arrive, for that *reason*. Returns whether another one may. */
  cannotPass(reason: string): boolean
  /** What was taken may not have arrived. */
  notSent(): void
  /** Something came, if not a whole frame yet. */
  heard(): void
  /** A frame came in: its kind and the rest. */
  frame(bytes: Uint8Array): void
  /** Another connection, of that kind, should take over before this one ends; default: of the same. */
  renew(kind?: TransportKind): void
  /** The connection is gone, and said why; perhaps because something in between holds responses back. The last call. */
  lost(reason: string, isBuffered?: boolean): void
}

/** Opens one transport; what it throws counts as a connection that could not be opened. */
export type OpenTransport = (listener: TransportListener) => Transport

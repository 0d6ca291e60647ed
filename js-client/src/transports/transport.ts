/**
 * What a transport is to the session that it carries.
 *
 * A transport moves whole frames and knows nothing of what is in them. It never calls its listener while it
 * is being opened, nor after it was closed, nor does anything that the listener throws reach it.
 */

import type { Form } from "../protocol/envelope.ts"

/** The ways to reach one and the same server. */
export type TransportKind = "websocket" | "post"

/** One open, or opening, line. */
export interface FrameTransport {
  /** Send these encoded messages, in this order; an empty one is a beat. */
  send(messages: readonly string[]): void
  /**
   * Leave at once: nothing is told from here on, and nothing stays open.
   *
   * @param flush - The page is going away: what still waits for its turn is given to the browser to send.
   */
  close(flush?: boolean): void
}

/** Who is told what happens on a transport. */
export interface TransportListener {
  /** Messages of this form may be sent from now on. */
  opened(form: Form): void
  /** A frame came in, without what framed it; empty, or a lone dot: a beat. */
  frame(text: string): void
  /** The line is gone, and said why. The last call. */
  lost(reason: string): void
}

/** Opens one transport; what it throws counts as a line that could not be opened. */
export type OpenTransport = (listener: TransportListener) => FrameTransport

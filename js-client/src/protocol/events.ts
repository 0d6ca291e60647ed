/**
 * Events: what a session tells its owner.
 *
 * A session never calls anybody. It collects these, and whoever drives it takes them once, in order.
 */

import type { VortexError } from "../errors.ts"
import type { Envelope } from "./envelope.ts"

/** Who is at the other end, in its own words: labels, never proof of anything. */
export interface PeerIdentity {
  readonly uuid: string
  readonly name: string
}

/** The other end said who it is; from here on payloads may come and go. */
export interface Opened {
  readonly type: "opened"
  readonly peer: PeerIdentity
}

/** One payload came in, its body still encoded. An era 0 message is not even inflated: hence the promise. */
export interface Received {
  readonly type: "received"
  readonly envelope: Envelope | Promise<Envelope>
}

/** A frame came in that is no message. The line stays up, nothing else is lost. */
export interface Malformed {
  readonly type: "malformed"
  readonly error: VortexError
}

/** The session is over; nothing more comes out of it. */
export interface Closed {
  readonly type: "closed"
  readonly reason: string
}

export type SessionEvent = Opened | Received | Malformed | Closed

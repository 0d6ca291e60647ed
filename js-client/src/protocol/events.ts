/**
 * Events: what a session tells its owner.
 *
 * A session never calls anybody. It collects these, and whoever drives it takes them once, in order.
 */

import type { VortexError } from "../errors.ts"
import type { Envelope } from "./envelope.ts"
import type { Action } from "./session.ts"

/** Who is at the other end, in its own words: labels, never proof of anything. */
export interface PeerIdentity {
  readonly uuid: string
  readonly name: string
}

/** A connection carries the session from here on. */
export interface Opened {
  readonly type: "opened"
  readonly peer: PeerIdentity
  /** Why another session has begun in the place of one that was there; null where that goes on, or is the first. */
  readonly reset: string | null
  /** How many messages this end writes again, where the session goes on; null where it does not. */
  readonly replayed: number | null
}

/** One message came in, its body still encoded. */
export interface Received {
  readonly type: "received"
  readonly envelope: Envelope
  /** What it answers, where that was waited for. */
  readonly action: Action | null
}

/** What came in is no message, or what should go out can never be sent. Nothing else is lost. */
export interface Failed {
  readonly type: "failed"
  readonly error: VortexError
  /** What it would have answered, or what is not sent; null where nobody waits for that. */
  readonly action: Action | null
}

/** The connection is of no use any more; the session waits for another. */
export interface Lost {
  readonly type: "lost"
  readonly reason: string
}

export type SessionEvent = Opened | Received | Failed | Lost

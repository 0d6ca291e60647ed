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
  /** How many messages the server writes again, where the session goes on; null where it does not. */
  readonly replayed: number | null
}

/** One message came in, its body still encoded. */
export interface Received {
  readonly type: "received"
  readonly envelope: Envelope
  /** What it answers, where that was waited for. */
  readonly action: Action | null
}

/** What came in is no message. The connection stays up, nothing else is lost. */
export interface Malformed {
  readonly type: "malformed"
  readonly error: VortexError
  readonly action: Action | null
}

/** An action can never be sent: the server takes nothing of its size. */
export interface Refused {
  readonly type: "refused"
  readonly action: Action
  readonly error: VortexError
}

/** The connection is of no use any more; the session waits for another. */
export interface Lost {
  readonly type: "lost"
  readonly reason: string
}

export type SessionEvent = Opened | Received | Malformed | Refused | Lost

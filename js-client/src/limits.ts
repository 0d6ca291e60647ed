/**
 * Limits: every bound that the client keeps. Sizes are in bytes, times in milliseconds.
 *
 * Nothing in here enforces anything: who reads, inflates or waits takes its bound from a connection's limits.
 */

/** What a connection lets a server do to it. */
export interface Limits {
  /** Bytes in one frame. */
  readonly maxFrame: number
  /** Bytes that one compressed payload may inflate to. */
  readonly maxInflated: number
  /** Levels of lists, objects and tuples inside each other. */
  readonly maxDepth: number
  /** Values in one message. */
  readonly maxNodes: number
  /** Keys in one filt. */
  readonly maxFiltItems: number
  /** Messages that wait to be sent; one more is an error of who sends it. */
  readonly maxOutboxItems: number
  /** Bytes of those; one that is larger still waits alone. */
  readonly maxOutboxBytes: number
  /** How long a connection may take until the server has said its first word. */
  readonly helloTimeoutMs: number
}

/** What holds where a connection is told nothing else. */
export const defaultLimits: Limits = {
  maxFrame: 32 << 20,
  maxInflated: 64 << 20,
  maxDepth: 32,
  maxNodes: 2_000_000,
  maxFiltItems: 64,
  maxOutboxItems: 10_000,
  maxOutboxBytes: 8 << 20,
  helloTimeoutMs: 10_000,
}

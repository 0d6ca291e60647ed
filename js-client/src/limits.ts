/**
 * Limits: every bound that the client keeps. Sizes are in bytes, times in milliseconds.
 *
 * Nothing in here enforces anything: who reads, inflates or waits takes its bound from a connection's limits.
 */

/** What a connection lets a server do to it. */
export interface Limits {
  /** Characters in one message as it stands on the wire. */
  readonly maxFrame: number
  /** Bytes that one compressed payload may inflate to. */
  readonly maxInflated: number
  /** Levels of lists, objects and tuples inside each other. */
  readonly maxDepth: number
  /** Values in one message. */
  readonly maxNodes: number
  /** Keys in one filt. */
  readonly maxFiltItems: number
  /** Frames that are no message which one line may bring; past it the line is left. */
  readonly maxMalformed: number
  /** Silence after which the line is taken for dead; the server beats every 10 s. */
  readonly silenceMs: number
}

/** What holds where a connection is told nothing else. */
export const defaultLimits: Limits = {
  maxFrame: 32 << 20,
  maxInflated: 64 << 20,
  maxDepth: 32,
  maxNodes: 2_000_000,
  maxFiltItems: 64,
  maxMalformed: 100,
  silenceMs: 15_000,
}

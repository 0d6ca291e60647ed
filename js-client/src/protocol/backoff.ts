/** Delays between reconnects: doubling, capped, with full jitter. No timers in here. */
export interface Backoff {
  /** Milliseconds to wait before the next attempt. */
  nextMs(): number
  /** Start over; call it once the session is open, not when the socket is. */
  reset(): void
}

/**
 * @param firstMs - Ceiling of the first delay, in milliseconds.
 * @param capMs - Ceiling that no delay goes over, in milliseconds.
 * @param random - Uniform in [0, 1); tests pass their own.
 */
export function newBackoff(firstMs = 250, capMs = 8_000, random: () => number = Math.random): Backoff {
  let attempt = 0
  return {
    nextMs: () => random() * Math.min(capMs, firstMs * 2 ** attempt++),
    reset: () => {
      attempt = 0
    },
  }
}

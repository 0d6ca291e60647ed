/** Delays between reconnects: doubling, capped, with full jitter. No timers in here. */
export class Backoff {
  #attempt = 0
  readonly #firstMs: number
  readonly #capMs: number
  readonly #random: () => number

  /**
   * @param firstMs - Ceiling of the first delay, in milliseconds.
   * @param capMs - Ceiling that no delay goes over, in milliseconds.
   * @param random - Uniform in [0, 1); tests pass their own.
   */
  constructor(firstMs = 250, capMs = 8_000, random: () => number = Math.random) {
    this.#firstMs = firstMs
    this.#capMs = capMs
    this.#random = random
  }

  /** Milliseconds to wait before the next attempt. */
  nextMs(): number {
    return Math.floor(this.#random() * Math.min(this.#capMs, this.#firstMs * 2 ** this.#attempt++))
  }

  /** Start over; call it once the session is open, not when the socket is. */
  reset(): void {
    this.#attempt = 0
  }
}

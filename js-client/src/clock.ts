/** Clock: what is asked of time. Tests pass one whose time passes when they say so. */

export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number
  /** Call *callback* once, in *ms* milliseconds. Returns what `clearTimer` takes. */
  setTimer(callback: () => void, ms: number): unknown
  /** Forget a timer; one that is over, or was none, does nothing. */
  clearTimer(timer: unknown): void
}

/** Have *callback* called in *ms* milliseconds, unless what this returns is called before. */
export function later(clock: Clock, callback: () => void, ms: number): () => void {
  const timer = clock.setTimer(callback, ms)
  return () => {
    clock.clearTimer(timer)
  }
}

/** The time there is. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer: (callback, ms) => setTimeout(callback, ms),
  clearTimer: (timer) => {
    clearTimeout(timer as ReturnType<typeof setTimeout>)
  },
}

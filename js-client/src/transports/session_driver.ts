/** SessionDriver: the one place where a session meets a transport and a clock. */

import type { Clock } from "../clock.ts"
import type { SessionEvent } from "../protocol/events.ts"
import type { VortexPySession } from "../protocol/vortexpy_session.ts"
import type { FrameTransport, OpenTransport } from "./transport.ts"

export class SessionDriver {
  readonly session: VortexPySession
  readonly #clock: Clock
  readonly #onEvent: (event: SessionEvent, driver: SessionDriver) => void
  #transport: FrameTransport | null = null
  #timer: unknown = null
  #timerAt = Infinity

  /**
   * @param session - What is carried; one that was not used yet.
   * @param open - Opens the transport, at once.
   * @param onEvent - Is told everything the session has to tell; throws nothing. Not called in here.
   */
  constructor(
    session: VortexPySession,
    open: OpenTransport,
    clock: Clock,
    onEvent: (event: SessionEvent, driver: SessionDriver) => void,
  ) {
    this.session = session
    this.#clock = clock
    this.#onEvent = onEvent
    try {
      this.#transport = open({
        opened: (form) => {
          session.attached(form, clock.now())
          this.#settle()
        },
        frame: (text) => {
          session.receive(text, clock.now())
          this.#settle()
        },
        lost: (reason) => {
          this.close(reason)
        },
      })
      this.#setAlarm()
    } catch (error) {
      queueMicrotask(() => {
        this.close(String(error))
      })
    }
  }

  /** Hand *message*, encoded in the session's form, to the transport. */
  send(message: string): void {
    this.session.send(message)
    this.#settle()
  }

  /** End the line, and let go of everything. */
  close(reason: string, flush = false): void {
    this.session.close(reason)
    this.#settle(flush)
  }

  #settle(flush = false): void {
    const frames = this.session.framesToSend()
    try {
      if (frames.length) this.#transport?.send(frames)
    } catch (error) {
      this.session.close(String(error))
    }
    if (this.session.state === "closed") {
      this.#transport?.close(flush)
      this.#transport = null
    }
    this.#setAlarm()
    for (const event of this.session.events()) this.#onEvent(event, this)
  }

  /** A deadline that has moved further away is left alone: then the alarm comes early and is set again. */
  #setAlarm(): void {
    const deadline = this.session.nextDeadline()
    if (this.#timerAt <= deadline && deadline < Infinity) return
    this.#clock.clearTimer(this.#timer)
    this.#timer = null
    this.#timerAt = deadline
    if (deadline === Infinity) return
    this.#timer = this.#clock.setTimer(
      () => {
        this.#timerAt = Infinity
        this.session.tick(this.#clock.now())
        this.#settle()
      },
      Math.max(0, deadline - this.#clock.now()),
    )
  }
}

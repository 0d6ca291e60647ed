/**
 * SessionDriver: the one place where a session meets its connections and a clock.
 *
 * One connection carries the session; another may be on its way, and takes over with the server's WELCOME. Until
 * then the one before goes on, so that a session moves without a gap.
 */

import type { Clock } from "../clock.ts"
import type { SessionEvent } from "../protocol/events.ts"
import * as Kind from "../protocol/kinds.ts"
import type { ClientSession, Via } from "../protocol/session.ts"
import type { OpenTransport, Transport, TransportKind, TransportListener } from "./transport.ts"

/** What the session tells, and what becomes of its connections. */
export type DriverEvent =
  | Exclude<SessionEvent, { type: "lost" }>
  /** The connection that carried the session is gone, or one that was to. */
  | ({ readonly type: "lost" } & LostLink)
  /** Another connection is to take over before this one ends. */
  | { readonly type: "renew"; readonly kind: TransportKind }

/** A connection that is gone. */
export interface LostLink {
  readonly kind: TransportKind
  readonly reason: string
  /** How long it carried the session; NaN: it never did. */
  readonly openMs: number
  /** Whether it was given up because the server did not say a word. */
  readonly isSilent: boolean
}

interface Link {
  readonly kind: TransportKind
  readonly via: Via | null
  transport: Transport | null
  openedAt: number
  timer: unknown
}

const VIAS: Readonly<Record<TransportKind, Via | null>> = {
  websocket: null,
  post: "stream",
  sse: "sse",
  poll: "poll",
}

export class SessionDriver {
  readonly session: ClientSession
  readonly #clock: Clock
  readonly #onEvent: (event: DriverEvent) => void
  #carrier: Link | null = null
  #candidate: Link | null = null
  #timer: unknown = null
  #timerAt = Infinity

  /** @param onEvent - Is told everything there is to tell; throws nothing. Not called in here. */
  constructor(session: ClientSession, clock: Clock, onEvent: (event: DriverEvent) => void) {
    this.session = session
    this.#clock = clock
    this.#onEvent = onEvent
  }

  /** What carries the session; null while nothing does. */
  get carrier(): TransportKind | null {
    return this.#carrier && this.#carrier.kind
  }

  /** What is being opened; null where nothing is. */
  get candidate(): TransportKind | null {
    return this.#candidate && this.#candidate.kind
  }

  /**
   * Have another connection opened, which then carries the session.
   *
   * @param timeoutMs - How long it may take until the server's first word.
   */
  open(kind: TransportKind, openTransport: OpenTransport, timeoutMs: number): void {
    this.#drop(this.#candidate)
    const link: Link = { kind, via: VIAS[kind], transport: null, openedAt: NaN, timer: null }
    this.#candidate = link
    link.timer = this.#clock.setTimer(() => {
      this.#lose(link, `the server said nothing for ${timeoutMs / 1000} s`, true)
    }, timeoutMs)
    try {
      link.transport = openTransport(this.#listener(link))
    } catch (error) {
      queueMicrotask(() => {
        this.#lose(link, String(error))
      })
    }
  }

  #listener(link: Link): TransportListener {
    const { session } = this
    const carries = (): boolean => link === this.#carrier
    return {
      get generation() {
        return session.generation
      },
      isMoving: () => link !== this.#candidate && this.#candidate !== null,
      hello: (via, wait) => session.hello(via, wait),
      sendHead: () => (carries() ? session.sendHead() : null),
      take: (most) => (carries() ? session.framesToSend(this.#clock.now(), most) : []),
      cannotPass: (reason) => {
        const may = carries() && session.cannotPass(reason)
        this.#settle()
        return may
      },
      notSent: () => {
        if (carries()) session.rewind()
      },
      heard: () => {
        if (carries()) session.heard(this.#clock.now())
      },
      frame: (bytes) => {
        this.#received(link, bytes)
      },
      renew: () => {
        if (carries()) this.#onEvent({ type: "renew", kind: link.kind })
      },
      lost: (reason) => {
        this.#lose(link, reason)
      },
    }
  }

  /** Give up what is being opened, where something carries the session already. */
  stay(): void {
    this.#drop(this.#candidate)
  }

  /** There may be something to send. */
  flush(): void {
    this.#settle()
  }

  /** Let go of every connection; the session stays, for another. */
  leave(): void {
    this.#drop(this.#candidate)
    this.#drop(this.#carrier)
    this.#settle()
  }

  /** Have the server forget the session, and let go of every connection. */
  end(reason: string): void {
    const { session } = this
    const { transport } = this.#carrier ?? {}
    if (transport) {
      // What is on its way may be lost with what carries it.
      if (this.#carrier?.via) session.rewind()
      transport.close([...session.framesToSend(this.#clock.now()), session.closing(reason)])
    }
    this.leave()
    session.forget("closed")
  }

  #received(link: Link, bytes: Uint8Array): void {
    const kind = bytes[0] ?? 0
    const isCarrier = link === this.#carrier
    if (!isCarrier && link !== this.#candidate) return
    if (kind === Kind.WELCOME && (!isCarrier || link.via === "poll")) this.#welcomed(link, bytes, isCarrier)
    else if (isCarrier) this.session.receive(bytes, this.#clock.now())
    else if (kind === Kind.CLOSE) this.#lose(link, new TextDecoder().decode(bytes.subarray(1)))
    else if (kind !== Kind.PAD && kind < 0x80) this.#lose(link, "expected a vortex, which says WELCOME first")
    this.#settle()
  }

  #welcomed(link: Link, bytes: Uint8Array, isSame: boolean): void {
    try {
      this.session.welcome(bytes, link.via, isSame, this.#clock.now())
    } catch (error) {
      this.#lose(link, error instanceof Error ? error.message : String(error))
      return
    }
    if (isSame) return
    this.#clock.clearTimer(link.timer)
    this.#candidate = null
    const old = this.#carrier
    this.#carrier = link
    link.openedAt = this.#clock.now()
    this.#drop(old)
  }

  #lose(link: Link, reason: string, isSilent = false): void {
    if (link !== this.#carrier && link !== this.#candidate) return
    this.#drop(link)
    this.#setAlarm()
    const openMs = this.#clock.now() - link.openedAt
    this.#onEvent({ type: "lost", kind: link.kind, reason, openMs, isSilent })
  }

  #drop(link: Link | null): void {
    if (!link) return
    this.#clock.clearTimer(link.timer)
    if (link === this.#candidate) {
      this.#candidate = null
      this.session.stay()
    }
    if (link === this.#carrier) {
      this.#carrier = null
      this.session.detach()
    }
    const { transport } = link
    link.transport = null
    transport?.close()
  }

  #settle(): void {
    const link = this.#carrier
    try {
      link?.transport?.flush()
    } catch (error) {
      if (link) this.#lose(link, String(error))
    }
    this.#setAlarm()
    for (const event of this.session.events()) {
      if (event.type !== "lost") this.#onEvent(event)
      else if (this.#carrier) this.#lose(this.#carrier, event.reason)
    }
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

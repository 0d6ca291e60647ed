/**
 * SessionDriver: the one place where a session meets its connections and a clock.
 *
 * One connection carries the session; another may be on its way, and takes over with the server's WELCOME. Until
 * then the one before goes on, so that a session moves without a gap.
 */

import { type Clock, later } from "../clock.ts"
import type { SessionEvent } from "../protocol/events.ts"
import { messageOf } from "../errors.ts"
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
  /** Whether something in between holds back what the server writes. */
  readonly isBuffered: boolean
}

interface Link {
  readonly kind: TransportKind
  /** As its hello has it. */
  via?: Via | undefined
  transport?: Transport | undefined
  stopTimer?: () => void
}

export class SessionDriver {
  readonly #session: ClientSession
  readonly #clock: Clock
  readonly #onEvent: (event: DriverEvent) => void
  #carrier: Link | undefined
  #candidate: Link | undefined
  #stopTimer: (() => void) | undefined
  #timerAt = Infinity

  /** @param onEvent - Is told everything there is to tell; throws nothing. Not called in here. */
  constructor(session: ClientSession, clock: Clock, onEvent: (event: DriverEvent) => void) {
    this.#session = session
    this.#clock = clock
    this.#onEvent = onEvent
  }

  /** What carries the session; undefined while nothing does. */
  get carrier(): TransportKind | undefined {
    return this.#carrier?.kind
  }

  /** What is being opened; undefined where nothing is. */
  get candidate(): TransportKind | undefined {
    return this.#candidate?.kind
  }

  /**
   * Have another connection opened, which then carries the session.
   *
   * @param timeoutMs - How long it may take until the server's first word.
   */
  open(kind: TransportKind, openTransport: OpenTransport, timeoutMs: number): void {
    this.#drop(this.#candidate)
    const link: Link = { kind }
    this.#candidate = link
    const giveUp = (): void => {
      this.#lose(link, `nothing came for ${timeoutMs / 1000} s`)
    }
    link.stopTimer = later(this.#clock, giveUp, timeoutMs)
    try {
      link.transport = openTransport(this.#listener(link))
    } catch (error) {
      void Promise.resolve().then(() => {
        this.#lose(link, String(error))
      })
    }
  }

  #listener(link: Link): TransportListener {
    const session = this.#session
    return {
      get generation() {
        return session.generation
      },
      isMoving: () => link !== this.#candidate && this.#candidate !== undefined,
      hello: (via, wait) => session.hello((link.via = via), wait),
      sendHead: () => session.sendHead(),
      take: (most) => session.framesToSend(this.#clock.now(), most),
      cannotPass: (reason) => {
        const may = session.cannotPass(reason)
        this.flush()
        return may
      },
      notSent: () => {
        session.rewind()
      },
      heard: () => {
        if (link === this.#carrier) session.heard(this.#clock.now())
      },
      frame: (bytes) => {
        this.#received(link, bytes)
      },
      renew: (kind = link.kind) => {
        this.#onEvent({ type: "renew", kind })
      },
      lost: (reason, isBuffered) => {
        this.#lose(link, reason, isBuffered)
      },
    }
  }

  /** Give up what is being opened, where something carries the session already. */
  stay(): void {
    this.#drop(this.#candidate)
  }

  /** Let go of every connection; the session stays, for another. */
  leave(): void {
    this.#drop(this.#candidate)
    this.#drop(this.#carrier)
    this.flush()
  }

  /** Have the server forget the session, and let go of every connection. */
  end(reason: string): void {
    const session = this.#session
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
    else if (isCarrier) this.#session.receive(bytes, this.#clock.now())
    else if (kind === Kind.CLOSE) this.#lose(link, new TextDecoder().decode(bytes.subarray(1)))
    else if (kind !== Kind.PAD && kind < 0x80) this.#lose(link, "expected a vortex's WELCOME")
    this.flush()
  }

  #welcomed(link: Link, bytes: Uint8Array, isSame: boolean): void {
    try {
      this.#session.welcome(bytes, link.via, isSame, this.#clock.now())
    } catch (error) {
      this.#lose(link, messageOf(error))
      return
    }
    if (isSame) return
    link.stopTimer?.()
    this.#candidate = undefined
    const old = this.#carrier
    this.#carrier = link
    this.#drop(old)
  }

  #lose(link: Link, reason: string, isBuffered = false): void {
    if (link !== this.#carrier && link !== this.#candidate) return
    this.#drop(link)
    this.#setAlarm()
    this.#onEvent({ type: "lost", kind: link.kind, reason, isBuffered })
  }

  #drop(link: Link | undefined): void {
    if (!link) return
    link.stopTimer?.()
    if (link === this.#candidate) {
      this.#candidate = undefined
      this.#session.stay()
    }
    if (link === this.#carrier) {
      this.#carrier = undefined
      this.#session.detach()
    }
    const { transport } = link
    link.transport = undefined
    transport?.close()
  }

  /** There may be something to send, or to tell. */
  flush(): void {
    const link = this.#carrier
    try {
      link?.transport?.flush()
    } catch (error) {
      if (link) this.#lose(link, String(error))
    }
    this.#setAlarm()
    for (const event of this.#session.events()) {
      if (event.type !== "lost") this.#onEvent(event)
      else if (this.#carrier) this.#lose(this.#carrier, event.reason)
    }
  }

  /** A deadline that has moved further away is left alone: then the alarm comes early and is set again. */
  #setAlarm(): void {
    const deadline = this.#session.nextDeadline()
    if (this.#timerAt <= deadline && deadline < Infinity) return
    this.#stopTimer?.()
    this.#timerAt = deadline
    if (deadline === Infinity) return
    const ring = (): void => {
      this.#timerAt = Infinity
      this.#session.tick(this.#clock.now())
      this.flush()
    }
    this.#stopTimer = later(this.#clock, ring, Math.max(0, deadline - this.#clock.now()))
  }
}

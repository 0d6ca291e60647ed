/**
 * A server's end of a native session, as docs/reference/wire-format.md has it, and nothing else of a server.
 *
 * It keeps what a server keeps across connections: sessions with their tokens, and what each client has done.
 */

import { KINDS, type Sent, WELCOME, bytesOf, frame, framesIn, json, varint, welcome } from "../wire.ts"

interface Numbered {
  readonly number: number
  /** The frame but for its number, given that. */
  readonly write: (number: number) => Uint8Array<ArrayBuffer>
}

interface ModelSession {
  readonly id: string
  token: string
  before: string | null
  gen: number
  taken: number
  written: number
  unacknowledged: Numbered[]
}

/** One connection: what it has brought, and what is to go out on it. */
export class ModelConnection {
  readonly out: number[] = []
  isClosed = false
  gen = 0
  readonly #model: ServerModel
  readonly #in: number[] = []

  constructor(model: ServerModel) {
    this.#model = model
  }

  /** Bytes came; half a frame waits for its other half. */
  receive(bytes: ArrayLike<number>): void {
    this.#in.push(...Array.from(bytes))
    for (;;) {
      const length = this.#in[0] ?? 0
      const isLong = length > 127
      if (isLong && (this.#in[1] ?? 128) > 127) return
      const size = isLong ? (length & 127) + 128 * (this.#in[1] ?? 0) + 2 : length + 1
      if (!this.#in.length || this.#in.length < size || this.isClosed) return
      const [one] = framesIn(Uint8Array.from(this.#in.splice(0, size)))
      if (one) this.#model.take(one, this)
    }
  }
}

export class ServerModel {
  /** What was done, in order: each action's text, by what it was. */
  readonly done: string[] = []
  /** Actions that are to be answered are, with their own text; those whose text begins with "late" not at once. */
  readonly late: { action: number; text: string }[] = []
  readonly cancelled: number[] = []
  readonly settled: number[] = []
  readonly hellos: Sent[] = []
  /** Answer the next hello that wants to resume by a reset, for this reason. */
  resetNext: string | null = null
  session: ModelSession | null = null
  #carrier: ModelConnection | null = null
  #sessions = 0
  #lastAction = 0
  readonly #answers = new Map<number, string>()

  connect(): ModelConnection {
    return new ModelConnection(this)
  }

  take(one: Sent, connection: ModelConnection): void {
    if (one.kind === "HELLO") {
      this.#greet(one, connection)
      return
    }
    const { session } = this
    if (!session || connection !== this.#carrier) return
    const [number = 0, action = 0] = one.numbers
    switch (one.kind) {
      case "ACK":
        if (number > session.written) throw new Error(`${number} was acknowledged of ${session.written}`)
        session.unacknowledged = session.unacknowledged.filter((kept) => kept.number > number)
        this.settled.push(action)
        break
      case "BEAT":
        if (number > session.taken) throw new Error(`it says that it wrote ${number} of ${session.taken}`)
        break
      case "ACTION":
      case "CANCEL":
        session.before = null
        if (number <= session.taken) return
        if (number > session.taken + 1) throw new Error(`${number} came after ${session.taken}`)
        session.taken = number
        if (one.kind === "CANCEL") this.cancelled.push(action)
        else this.#act(action, one)
        connection.out.push(...frame(KINDS.ACK, varint(number), varint(0)))
        break
      default:
        throw new Error(`a client sends no ${one.kind} here`)
    }
  }

  #greet(hello: Sent, connection: ModelConnection): void {
    this.hellos.push(hello)
    const resume = hello.json["resume"] as { session: string; token: string; n: number } | undefined
    const { session } = this
    const isKnown = resume && session?.id === resume.session
    if (isKnown && ![session.token, session.before].includes(resume.token)) throw new Error("no such token")
    const isResumed = isKnown && this.resetNext === null
    const now: ModelSession = isResumed
      ? session
      : { id: `s${++this.#sessions}`, token: "", before: null, gen: 0, taken: 0, written: 0, unacknowledged: [] } // prettier-ignore
    this.session = now
    now.gen++
    now.before = now.token
    now.token = `${now.id}-${now.gen}`
    if (this.#carrier) this.#carrier.isClosed = true
    this.#carrier = connection
    const outcome = isResumed
      ? { outcome: "resumed" }
      : resume
        ? { outcome: "reset", reason: this.resetNext ?? "unknown" }
        : { outcome: "new" }
    this.resetNext = null
    const secret = hello.json["client"] === undefined ? WELCOME.client : undefined
    const { id, token, gen, taken, written } = now
    connection.out.push(
      ...welcome({ ...outcome, client: secret, session: id, token, gen, taken, n: written }),
    )
    if (!isResumed) return
    now.unacknowledged = now.unacknowledged.filter(({ number }) => number > resume.n)
    for (const { number, write } of now.unacknowledged) connection.out.push(...write(number))
  }

  #act(action: number, { head, flags }: Sent): void {
    const text = JSON.stringify(head.f?.["text"]).slice(1, -1)
    const known = this.#answers.get(action)
    if (action > this.#lastAction + 1) throw new Error(`action ${action} came after ${this.#lastAction}`)
    if (this.late.some((running) => running.action === action)) return
    if (action > this.#lastAction) {
      this.#lastAction = action
      this.done.push(text)
    } else if (flags & 8 && known === undefined) throw new Error(`the answer to ${action} is not kept`)
    if (flags & 8 && text.startsWith("late") && known === undefined) this.late.push({ action, text })
    else if (flags & 8) this.answer(action, known ?? text)
  }

  /** Answer an action, now. */
  answer(action: number, text: string): void {
    this.#answers.set(action, text)
    this.#write((number) =>
      frame(KINDS.REPLY, varint(number), varint(action), [1], [...headOf({ key: "answer", text })]),
    )
  }

  /** Send a message that was not asked for. */
  push(text: string): void {
    this.#write((number) => frame(KINDS.DATA, varint(number), [0], [...headOf({ key: "push", text })]))
  }

  #write(write: (number: number) => Uint8Array<ArrayBuffer>): void {
    const { session } = this
    if (!session) throw new Error("there is no session")
    const number = ++session.written
    session.unacknowledged.push({ number, write })
    if (this.#carrier && !this.#carrier.isClosed) this.#carrier.out.push(...write(number))
  }

  /** Tell how much was written. */
  beat(): void {
    const number = this.session?.written ?? 0
    this.#carrier?.out.push(...frame(KINDS.BEAT, varint(number)))
  }

  close(code: string, again: boolean): void {
    this.#carrier?.out.push(...json("CLOSE", { code, reason: "because", again }))
  }
}

function headOf(f: object): number[] {
  const head = bytesOf(JSON.stringify({ f, d: 1 }))
  return [...varint(head.length), ...head]
}

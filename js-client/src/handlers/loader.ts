/**
 * Loader: the rows that a filt names, loaded and kept current, and changed with the server's consent.
 *
 * What is here is what the server has said. A save shows as busy until it is answered; the row then is what the
 * server made of it, or, where it said no, what it was before. Nothing is changed ahead of the answer.
 *
 * It asks at each new line, so what was missed while there was none is made up for.
 */

import { VortexError, asVortexError, errorOf } from "../errors.ts"
import { type Filt, Payload } from "../protocol/payload.ts"
import type { Delivery } from "../routing/delivery.ts"
import { aboutOf, identity } from "../routing/filt.ts"
import type { PayloadEndpoint } from "../routing/payload_endpoint.ts"
import { toJsonable } from "../tuples/convert.ts"
import { equalValues } from "../tuples/equal.ts"
import { type AnyTuple, Tuple, type TupleClass, tupleTypeOf } from "../tuples/tuple.ts"

/** What has become of the rows since the last time. */
export interface RowsChange<T> {
  /** As they came. */
  readonly created: readonly T[]
  /** As they are now. */
  readonly updated: readonly T[]
  /** As they were. */
  readonly deleted: readonly T[]
}

/** Is told the rows as they are, and what has become of them since the last time. */
export type RowsCallback<T> = (rows: readonly T[], change: RowsChange<T>) => void

/** What is under way with one row, and what went wrong with it last. */
export interface RowStatus {
  /** What the server has not answered yet. */
  readonly busy: "saving" | "deleting" | null
  /** Why the last save or delete was refused; null after one that was not, and after `clearError`. */
  readonly error: VortexError | null
}

/** How far the rows can be relied on, see `Loader.state`. */
export type LoaderState = "loading" | "current" | "stale" | "closed"

/** The value of a row's key: of several key fields, a list. */
export type Key = unknown

/** How a `Loader` is made. */
export interface LoaderOptions<T extends Tuple> {
  /** The field, or fields, that tell rows apart; default: "id". */
  readonly key?: string | readonly string[]
  /** What `create` makes; needed while there are no rows to tell it. */
  readonly tuple?: string | TupleClass<T>
  /** Closes the loader. */
  readonly signal?: AbortSignal
  /** How long each request waits for its answer, in milliseconds. */
  readonly timeout?: number
}

/** What a loader needs of a connection. */
export interface Line {
  /** "open" while there is a line, "closed" once there will be none. */
  readonly state: string
  /** Send it, and wait for its answer. */
  request(payload: Payload, options?: { readonly timeout?: number }): Promise<Payload>
  /** Have *callback* called with each payload whose filt holds what *filt* does. */
  listen(filt: Filt, callback: (payload: Payload, delivery: Delivery) => void): PayloadEndpoint
  /** Have *callback* called whenever `state` has changed, until what this returns is called. */
  onStateChange(callback: () => void): () => void
  /** Tell whoever looks after the page of a callback that has failed. */
  report(error: unknown): void
}

/** What a loader tells. */
export interface LoaderEvents<T> {
  /** What has become of the rows. */
  rows: CustomEvent<RowsChange<T>>
  /** A row's key, and what is under way with it now. */
  status: CustomEvent<RowStatus & { readonly key: Key }>
  /** How far the rows can be relied on from now on. */
  state: CustomEvent<LoaderState>
}

/** A text that is the same for the same key. */
const textOf = (key: Key): string => JSON.stringify(toJsonable(key))

const IDLE: RowStatus = { busy: null, error: null }

/**
 * Rows under one filt. `connection.load(filt)` makes one.
 *
 * Events: "rows" (`detail`: what has changed), "status" (`detail`: a row's key, busy and error) and "state". As
 * an async iterator it gives the rows as they are, whenever they have changed; of several changes the last.
 */
export class Loader<T extends Tuple = AnyTuple> extends EventTarget implements AsyncIterable<readonly T[]> {
  /** What the rows are asked for by. */
  readonly filt: Filt
  readonly #line: Line
  readonly #keyFields: readonly string[]
  readonly #options: LoaderOptions<T>
  readonly #endpoint: PayloadEndpoint
  readonly #about: string
  readonly #ends: (() => void)[] = []
  readonly #status = new Map<string, RowStatus & { pending: number }>()
  #rows: readonly T[] = []
  #byKey = new Map<string, T>()
  #state: LoaderState = "loading"
  #error: VortexError | null = null

  /**
   * @param onRows - Called whenever the rows have changed; or, where that is not needed, the options.
   * @throws TypeError if *filt* has no key.
   */
  constructor(
    line: Line,
    filt: Filt,
    onRows?: RowsCallback<T> | LoaderOptions<T>,
    options: LoaderOptions<T> = {},
  ) {
    super()
    if (typeof onRows === "object") [onRows, options] = [undefined, onRows]
    const { key = "id", signal } = options
    this.#line = line
    this.filt = aboutOf(filt)
    this.#about = identity(this.filt)
    this.#keyFields = typeof key === "string" ? [key] : key
    this.#options = options
    this.#endpoint = line.listen(this.filt, (payload) => {
      if (identity(aboutOf(payload.filt)) === this.#about) this.#received(payload)
    })
    if (onRows)
      this.addEventListener("rows", ({ detail }) => {
        try {
          onRows(this.#rows, detail)
        } catch (error) {
          line.report(error)
        }
      })
    this.#ends.push(
      line.onStateChange(() => {
        this.#lineChanged()
      }),
    )
    const close = (): void => {
      this.close()
    }
    signal?.addEventListener("abort", close)
    this.#ends.push(() => signal?.removeEventListener("abort", close))
    if (signal?.aborted) this.close()
    else this.#lineChanged()
  }

  /** As the server orders them. A row that has not changed stays the same object. */
  get rows(): readonly T[] {
    return this.#rows
  }

  /** "stale": there is no line, so the rows may have changed meanwhile. */
  get state(): LoaderState {
    return this.#state
  }

  /** Why the rows could not be loaded the last time; null if they could. */
  get error(): VortexError | null {
    return this.#error
  }

  /** The row of that key; of several key fields, a list. */
  get(key: Key): T | undefined {
    return this.#byKey.get(textOf(key))
  }

  /** What is under way with a row, which may be given by its key. */
  status(rowOrKey: Key): RowStatus {
    const { busy, error } = this.#status.get(textOf(this.#keyOf(rowOrKey))) ?? IDLE
    return { busy, error }
  }

  /** Forget a row's error. */
  clearError(rowOrKey: Key): void {
    this.#setStatus(this.#keyOf(rowOrKey), 0, null, null)
  }

  /**
   * Have a new row stored.
   *
   * @param fields - Its fields, or a whole tuple.
   * @returns The row as the server has stored it.
   * @throws VortexError with the server's code if it refuses; ConnectionLost if that is not known.
   */
  async create(fields: Readonly<Record<string, unknown>> | Tuple): Promise<T> {
    const tuple = fields instanceof Tuple ? fields : new Tuple(this.#tupleType(), fields)
    return this.#stored(await this.#ask([tuple]))
  }

  /**
   * Have a row stored.
   *
   * @param changes - The fields that are to change. Only they are sent, with the key, so that what others change
   *   in the row meanwhile stays. Without them the whole row is.
   * @returns The row as the server has stored it.
   * @throws VortexError with the server's code if it refuses; ConnectionLost if that is not known.
   */
  async save(row: T, changes?: Partial<Omit<T, keyof Tuple>>): Promise<T> {
    const tuple = changes ? new Tuple(tupleTypeOf(row), { ...this.#keyFieldsOf(row), ...changes }) : row
    return this.#busyWith(row, "saving", async () => this.#stored(await this.#ask([tuple])))
  }

  /**
   * Have a row deleted.
   *
   * @throws VortexError with the server's code if it refuses; ConnectionLost if that is not known.
   */
  async delete(row: T): Promise<void> {
    await this.#busyWith(row, "deleting", async () => {
      await this.#ask([new Tuple(tupleTypeOf(row), this.#keyFieldsOf(row))], { delete: true })
      const key = textOf(this.#keyOf(row))
      this.#show(this.#rows.filter((other) => textOf(this.#keyOf(other)) !== key))
    })
  }

  /**
   * Ask for the rows again.
   *
   * @throws VortexError if they cannot be had; `error` has it too.
   */
  async reload(): Promise<readonly T[]> {
    try {
      await this.#ask([])
      return this.#rows
    } catch (error) {
      this.#failed(asVortexError(error))
      throw error
    }
  }

  /** Load and tell nothing more; the rows stay as they are. */
  close(): void {
    if (this.#state === "closed") return
    this.#endpoint.shutdown()
    for (const end of this.#ends) end()
    this.#setState("closed")
  }

  /** Ends with the loader; every `for await` has a turn of its own. */
  [Symbol.asyncIterator](): AsyncIterator<readonly T[], undefined> {
    let shown: readonly T[] | null = this.#state === "loading" ? this.#rows : null
    let isOver = false
    let wake: () => void = () => undefined
    const onChange = (): void => {
      wake()
    }
    this.addEventListener("rows", onChange)
    this.addEventListener("state", onChange)
    const end = (): void => {
      isOver = true
      this.removeEventListener("rows", onChange)
      this.removeEventListener("state", onChange)
      wake()
    }
    return {
      next: async () => {
        while (!isOver && this.#state !== "closed" && (shown === this.#rows || this.#state === "loading"))
          await new Promise<void>((resolve) => (wake = resolve))
        if (isOver || shown === this.#rows || this.#state === "closed") {
          end()
          return { done: true, value: undefined }
        }
        return { done: false, value: (shown = this.#rows) }
      },
      return: () => {
        end()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }

  /** Be told of one of `LoaderEvents`. */
  override addEventListener<K extends keyof LoaderEvents<T>>(
    type: K,
    listener: ((event: LoaderEvents<T>[K]) => void) | null,
    options?: AddEventListenerOptions | boolean,
  ): void
  /** Be told of any event. */
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void
  override addEventListener(
    type: string,
    listener: never,
    options?: AddEventListenerOptions | boolean,
  ): void {
    super.addEventListener(type, listener, options)
  }

  // ---- what comes in

  #received(payload: Payload): void {
    const error = errorOf(payload.result)
    if (error) return // the one who has asked is told
    const rows = payload.tuples.filter((row): row is T => row instanceof Tuple)
    if (payload.result === true) {
      this.#show(this.#merged(rows))
      return
    }
    const before = this.#state
    this.#error = null
    this.#state = "current"
    this.#show(rows, before === "loading")
    if (before !== "current") this.#tell("state", this.#state)
  }

  /** The rows with *saved* put in their places, new ones last. */
  #merged(saved: readonly T[]): readonly T[] {
    const bySavedKey = new Map(saved.map((row) => [textOf(this.#keyOf(row)), row]))
    const rows = this.#rows.map((row) => {
      const key = textOf(this.#keyOf(row))
      const newer = bySavedKey.get(key)
      bySavedKey.delete(key)
      return newer ?? row
    })
    return [...rows, ...bySavedKey.values()]
  }

  /** These are the rows from now on; that is told if they are others, or the first. */
  #show(rows: readonly T[], areFirst = false): void {
    const before = this.#byKey
    const byKey = new Map<string, T>()
    const created: T[] = []
    const updated: T[] = []
    const shown = rows.map((row, index) => {
      let key = textOf(this.#keyOf(row))
      if (byKey.has(key) || !this.#hasKey(row)) key = `#${index}` // rows that nothing tells apart but their place
      const old = before.get(key)
      const same = old !== undefined && equalValues(old, row)
      const kept = same ? old : row
      if (!same) (old ? updated : created).push(kept)
      byKey.set(key, kept)
      return kept
    })
    const deleted = [...before].filter(([key]) => !byKey.has(key)).map(([, row]) => row)
    for (const [key] of before) if (!byKey.has(key)) this.#status.delete(key)
    if (
      !areFirst &&
      shown.length === this.#rows.length &&
      shown.every((row, index) => row === this.#rows[index])
    )
      return
    this.#rows = shown
    this.#byKey = byKey
    this.#tell("rows", { created, updated, deleted })
  }

  #lineChanged(): void {
    if (this.#line.state === "open")
      this.reload().catch(() => {
        // `error` has it.
      })
    else if (this.#state === "current") this.#setState("stale")
  }

  #failed(error: VortexError): void {
    if (this.#state === "closed" || this.#line.state !== "open") return
    this.#error = error
    this.#tell("state", this.#state)
  }

  // ---- what goes out

  #ask(tuples: readonly Tuple[], more: Filt = {}): Promise<Payload> {
    const { timeout } = this.#options
    return this.#line.request(
      new Payload({ ...this.filt, ...more }, tuples),
      timeout === undefined ? {} : { timeout },
    )
  }

  async #busyWith<R>(row: T, busy: "saving" | "deleting", work: () => Promise<R>): Promise<R> {
    const key = this.#keyOf(row)
    this.#setStatus(key, 1, busy, null)
    try {
      const done = await work()
      this.#setStatus(key, -1, null, null)
      return done
    } catch (error) {
      this.#setStatus(key, -1, null, asVortexError(error))
      // The refusal may come of what the page does not know yet.
      if (this.#state !== "closed") this.#lineChanged()
      throw error
    }
  }

  #setStatus(key: Key, more: number, busy: RowStatus["busy"], error: VortexError | null): void {
    const id = textOf(key)
    const before = this.#status.get(id)
    const pending = (before?.pending ?? 0) + more
    const status = { pending, busy: pending > 0 ? (busy ?? before?.busy ?? null) : null, error }
    if (pending > 0 || error) this.#status.set(id, status)
    else this.#status.delete(id)
    if (this.#state !== "closed") this.#tell("status", { key, busy: status.busy, error })
  }

  /** The row that an answer holds, as it is shown. */
  #stored({ tuples: [row] }: Payload): T {
    if (!(row instanceof Tuple)) throw new VortexError("the server's answer holds no row")
    return this.get(this.#keyOf(row)) ?? (row as T)
  }

  #tupleType(): string {
    const { tuple } = this.#options
    const [row] = this.#rows
    if (tuple !== undefined) return typeof tuple === "string" ? tuple : tuple.tupleType
    if (row) return tupleTypeOf(row)
    throw new TypeError("no rows tell the new one's type: pass load() the option tuple, as in { tuple: Job }")
  }

  // ---- keys

  #keyOf(rowOrKey: Key): Key {
    if (!(rowOrKey instanceof Tuple)) return rowOrKey
    const values = this.#keyFields.map((field) => (rowOrKey as AnyTuple)[field])
    return values.length === 1 ? values[0] : values
  }

  #hasKey(row: T): boolean {
    return this.#keyFields.every((field) => ((row as AnyTuple)[field] ?? null) !== null)
  }

  #keyFieldsOf(row: T): Record<string, unknown> {
    return Object.fromEntries(this.#keyFields.map((field) => [field, (row as AnyTuple)[field]]))
  }

  // ---- events

  #setState(state: LoaderState): void {
    if (state === this.#state) return
    this.#state = state
    this.#tell("state", state)
  }

  #tell(type: keyof LoaderEvents<T>, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

/**
 * Loader: the rows that a filt names, loaded and kept current, and changed with the server's consent.
 *
 * What is here is what the server has said. A save shows as busy until it is answered; the row then is what the
 * server made of it, or, where it said no, what it was before. Nothing is changed ahead of the answer.
 *
 * It asks once, and again when another session has begun: what was missed then is made up for. Through a line that
 * comes back nothing was missed.
 */

import { type VortexError, asVortexError, unexpected } from "../errors.ts"
import { type Filt, Payload } from "../protocol/payload.ts"
import { aboutOf } from "../routing/filt.ts"
import { equalValues } from "../tuples/equal.ts"
import { type AnyTuple, Tuple, type TupleClass, tupleTypeOf } from "../tuples/tuple.ts"
import { tell } from "../typed_events.ts"
import { type Key, type RowsChange, idOf } from "./live_rows.ts"
import { type Line, LiveView, type RowsCallback, type ViewEvents, type ViewOptions } from "./live_view.ts"

/** What is under way with one row, and what went wrong with it last. */
export interface RowStatus {
  /** What the server has not answered yet. */
  readonly busy: "saving" | "deleting" | null
  /**
   * Why a save or delete has failed, of a row that is gone too; null from the next one on, and after `clearError`.
   */
  readonly error: VortexError | null
}

/** How a `Loader` is made. */
export interface LoaderOptions<T extends Tuple> extends ViewOptions {
  /** The field, or fields, that tell rows apart, unless the server says which; default: "id". */
  readonly key?: string | readonly string[]
  /** What `create` makes; needed while there are no rows to tell it. */
  readonly tuple?: string | TupleClass<T>
}

/** What a loader tells. */
export interface LoaderEvents<T> extends ViewEvents<T> {
  /** A row's key, and what is under way with it now. */
  status: CustomEvent<RowStatus & { readonly key: Key }>
}

const IDLE: RowStatus & { pending: number } = { busy: null, error: null, pending: 0 }

/**
 * Rows under one filt. `connection.load(filt)` makes one.
 *
 * Events: "rows" (`detail`: what has changed), "status" (`detail`: a row's key, busy and error) and "state".
 */
export class Loader<T extends Tuple = AnyTuple> extends LiveView<T, LoaderEvents<T>> {
  readonly #tuple: LoaderOptions<T>["tuple"]
  readonly #status = new Map<Key, RowStatus & { pending: number }>()
  /** Rows that are shown as a save was answered: nothing else that came has changed them since. */
  readonly #own = new WeakSet<Tuple>()

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
    if (typeof onRows === "object") [onRows, options] = [undefined, onRows]
    const { key = "id", tuple } = options
    filt = aboutOf(filt)
    super(line, filt, filt, typeof key === "string" ? [key] : key, onRows, options)
    this.#tuple = tuple
  }

  /** What is under way with a row, which may be given by its key. */
  status(rowOrKey: Key): RowStatus {
    const { busy, error } = this.#status.get(idOf(this.keyOf(rowOrKey))) ?? IDLE
    return { busy, error }
  }

  /** Forget a row's error. */
  clearError(rowOrKey: Key): void {
    this.#setStatus(this.keyOf(rowOrKey), 0, { error: null })
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
   * @throws TypeError if the row has no key: it would be stored as a new one.
   */
  async save(row: T, changes?: Partial<Omit<T, keyof Tuple>>): Promise<T> {
    const tuple = changes ? new Tuple(tupleTypeOf(row), { ...this.#keyFieldsOf(row), ...changes }) : row
    return this.#busyWith(row, "saving", async (key) => this.#stored(await this.#ask([tuple], key)))
  }

  /**
   * Have a row deleted.
   *
   * @throws VortexError with the server's code if it refuses; ConnectionLost if that is not known.
   * @throws TypeError if the row has no key.
   */
  async delete(row: T): Promise<void> {
    await this.#busyWith(row, "deleting", async (key) => {
      await this.#ask([new Tuple(tupleTypeOf(row), this.#keyFieldsOf(row))], key, { delete: true })
      const gone = this.#held(key)
      this.show(this.held.replace(this.held.rows.filter((other) => other !== gone)))
    })
  }

  /** @internal */
  override changed({ created }: RowsChange<T>): void {
    // One that comes back is another row; until then its error tells why it may have gone.
    for (const row of created) {
      const id = idOf(this.keyOf(row))
      if (!this.#status.get(id)?.pending) this.#status.delete(id)
    }
  }

  // ---- what goes out

  /**
   * Have *tuples* stored, or deleted.
   *
   * @param key - The key of the row that they are of; undefined of one that has none yet.
   * @returns What the answer holds.
   */
  async #ask(tuples: readonly Tuple[], key?: Key, more: Filt = {}): Promise<Payload> {
    const before = this.#held(key)
    return this.ask(new Payload({ ...this.filt, ...more }, tuples), (answer) => {
      // It tells what has come of it. That may have been changed again already, and not only by a save of ours that
      // was answered before.
      const rows = answer.tuples.filter((row): row is T => row instanceof Tuple)
      const isOurs = (row: T): boolean | undefined => {
        const here = this.#held(this.keyOf(row))
        this.#own.add(row)
        return here === before || (here && this.#own.has(here))
      }
      if (answer.result === true && rows.every(isOurs)) this.show(this.held.replace(this.merged(rows)))
    })
  }

  #held(key: Key): T | undefined {
    return this.held.byKey.get(idOf(key))
  }

  async #busyWith<R>(row: T, busy: "saving" | "deleting", work: (key: Key) => Promise<R>): Promise<R> {
    const key = this.keyOf(row)
    if (!this.held.hasKey(row)) throw new TypeError(`a row needs its ${this.#keyFields(row).join(", ")}`)
    this.#setStatus(key, 1, { busy, error: null })
    try {
      const done = await work(key)
      this.#setStatus(key, -1, {})
      return done
    } catch (error) {
      this.#setStatus(key, -1, { error: asVortexError(error) })
      // The refusal may come of what the page does not know yet; what is asked for already will tell.
      if (this.line.state === "open" && !this.loads && !this.isClosed) this.refetch()
      throw error
    }
  }

  #setStatus(key: Key, more: number, changes: Partial<RowStatus>): void {
    const id = idOf(key)
    const before = this.#status.get(id) ?? IDLE
    const pending = before.pending + more
    const { busy, error } = { ...before, ...changes }
    const status = { busy: pending ? busy : null, error }
    if (pending || error) this.#status.set(id, { pending, ...status })
    else this.#status.delete(id)
    if (!this.isClosed) tell(this, "status", { key, ...status })
  }

  /** The row that an answer holds: the object that is shown, unless that is newer. */
  #stored({ tuples: [row] }: Payload): T {
    if (!(row instanceof Tuple)) throw unexpected("a row", row)
    const here = this.get(this.keyOf(row))
    return here && equalValues(here, row) ? here : (row as T)
  }

  #tupleType(): string {
    const tuple = this.#tuple
    const [row] = this.rows
    if (tuple !== undefined) return typeof tuple === "string" ? tuple : tuple.tupleType
    if (row) return tupleTypeOf(row)
    throw new TypeError("a new row needs a type: load with { tuple: Job }")
  }

  #keyFields(row: T): readonly string[] {
    return this.held.fieldsOf(tupleTypeOf(row))
  }

  #keyFieldsOf(row: T): Record<string, unknown> {
    return Object.fromEntries(this.#keyFields(row).map((field) => [field, (row as AnyTuple)[field]]))
  }
}

/**
 * Prediction: what an action is expected to do to the rows of a view, shown ahead of the server's answer.
 *
 * It changes whatever the server has, and is no copy of it: over newer rows it does the same again. What is below
 * stays as it is, so that there is nothing to undo.
 */

import type { Tuple } from "../tuples/tuple.ts"

/** Whose rows are predicted. */
export interface Predicted {
  readonly predictions: Set<Prediction>
  /** Show the rows as they are now, with what is predicted. */
  refresh(): void
}

/** Where the server's rows are. */
export interface Position {
  readonly watch: number | null
  readonly epoch: string | null
  readonly serial: number
}

/** One expected change. `withCreated`, `withUpdated` and `withDeleted` of a view make it, an action takes it. */
export class Prediction {
  /**
   * The rows, with what is expected.
   *
   * @internal
   */
  readonly apply: (rows: readonly Tuple[]) => readonly Tuple[]
  /** By the numbers of watches, the serial from which on the server's rows have it; null until it has answered. */
  #after: Readonly<Record<string, number>> | null = null
  /** The same of the view's own watch, which may have another number later. */
  #until: Omit<Position, "watch"> | null = null
  readonly #view: Predicted

  /** @internal */
  constructor(view: Predicted, apply: (rows: readonly never[]) => readonly Tuple[]) {
    this.#view = view
    this.apply = apply as Prediction["apply"]
  }

  /**
   * Have it shown.
   *
   * @internal
   */
  lay(): void {
    this.#view.predictions.add(this)
    this.#view.refresh()
  }

  /**
   * It has come true: it is shown until the rows have it by themselves.
   *
   * @internal
   */
  settle(after: Readonly<Record<string, number>>): void {
    this.#after = after
    this.#view.refresh()
  }

  /**
   * The server's watches have other numbers from now on; rows that are asked for now have it, if it has come true.
   *
   * @internal
   */
  renumber(): void {
    this.#after &&= {}
  }

  /**
   * Whether it has come true, and rows at that position have it.
   *
   * @internal
   */
  isOver({ watch, epoch, serial }: Position): boolean {
    if (!this.#after || watch === null) return !!this.#after
    this.#until ??= { epoch, serial: this.#after[watch] ?? 0 }
    return epoch !== this.#until.epoch || serial >= this.#until.serial
  }

  /**
   * It has not come true, or nobody knows.
   *
   * @internal
   */
  lift(): void {
    this.#view.predictions.delete(this)
    this.#view.refresh()
  }
}

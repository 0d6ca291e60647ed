/** Observation: what a server's observable selects, kept current. */

import type { Filt } from "../protocol/payload.ts"
import { type AnyTuple, Tuple } from "../tuples/tuple.ts"
import { type Line, LiveView, type RowsCallback, type ViewOptions } from "./live_view.ts"

/** What to observe: a name that the observable knows, and its arguments, if it takes any. */
export type Selector = string | Tuple | { readonly name: string; readonly selector?: object }

/** How an `Observation` is made. */
export interface ObserveOptions extends ViewOptions {
  /** What stands beside the observable's name in the filt of the server's handler. */
  readonly filt?: Filt
}

/**
 * The rows of one selector. `connection.observe(name, selector)` makes one.
 *
 * Events: "rows" (`detail`: what has changed) and "state".
 */
export class Observation<T extends Tuple = AnyTuple> extends LiveView<T> {
  /** @param onRows - Called whenever the rows have changed. */
  constructor(
    line: Line,
    observableName: string,
    selector: Selector,
    onRows?: RowsCallback<T>,
    { filt, ...options }: ObserveOptions = {},
  ) {
    const listened = { ...filt, key: "tupleDataObservable", name: observableName }
    super(
      line,
      { ...listened, tupleSelector: tupleOf(selector), subscribe: true },
      listened,
      [],
      onRows,
      options,
    )
  }
}

function tupleOf(selector: Selector): Tuple {
  if (selector instanceof Tuple) return selector
  const { name, selector: arguments_ = {} } = typeof selector === "string" ? { name: selector } : selector
  return new Tuple("vortex.TupleSelector", { name, selector: arguments_ })
}

/** Typed events: an EventTarget that says which events it has; nothing of it is there at run time. */

/** An EventTarget whose events are those of *E*, by their names. */
export interface TypedEventTarget<E> extends EventTarget {
  /** Be told of one of its events. */
  addEventListener<K extends keyof E>(
    type: K,
    listener: ((event: E[K]) => void) | null,
    options?: AddEventListenerOptions | boolean,
  ): void
  /** Be told of any event. */
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void
  /** Be told no more of one of its events. */
  removeEventListener<K extends keyof E>(
    type: K,
    listener: ((event: E[K]) => void) | null,
    options?: EventListenerOptions | boolean,
  ): void
  /** Be told no more of any event. */
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: EventListenerOptions | boolean,
  ): void
}

/** Have *callback* called when *signal* says stop, unless what this returns is called before. */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  signal?.addEventListener("abort", callback)
  return () => signal?.removeEventListener("abort", callback)
}

/**
 * Tell of *detail* as an event of *target*.
 *
 * @returns Whether nobody has prevented what is usual.
 */
export const tell = (target: EventTarget, type: string, detail: unknown): boolean =>
  target.dispatchEvent(new CustomEvent(type, { detail, cancelable: true }))

/** What makes one, that has no listeners. */
export type TypedEventTargetConstructor = new <E>() => TypedEventTarget<E>

/** Makes one. */
export const TypedEventTarget = EventTarget as unknown as TypedEventTargetConstructor

/**
 * Errors: everything that the client raises on purpose, and the stable word for each.
 *
 * The words are those that the server uses. Nothing is logged here.
 */

/** Whatever goes wrong in a way that a caller can do something about. */
export class VortexError extends Error {
  override name = "VortexError"
  /** Lower-case words joined by hyphens; stable, unlike the message. */
  readonly code: string

  /** @param path - Where in a message it is, as in ".tuples[3].due". */
  constructor(message: string, code = "internal", path = "") {
    super(path ? `${message} - at ${path}` : message)
    this.code = code
  }
}

/** The connection was closed: nothing was sent. */
export class NotConnected extends VortexError {
  override name = "NotConnected"
  constructor(message: string) {
    super(message, "not-connected")
  }
}

/** The connection was closed before the answer came: what was asked for may or may not have happened. */
export class ConnectionLost extends VortexError {
  override name = "ConnectionLost"
  constructor(message: string) {
    super(message, "connection-lost")
  }
}

/** No answer came in time. */
export class RequestTimeout extends VortexError {
  override name = "RequestTimeout"
  constructor(message: string) {
    super(message, "timeout")
  }
}

/** A message, or a value in it, is not what it should be. */
export class DecodeError extends VortexError {
  override name = "DecodeError"
  /**
   * @param problem - What was expected, and what came.
   * @param path - Where, as in ".tuples[3].due".
   */
  constructor(problem: string, path?: string) {
    super(problem, "bad-payload", path)
  }
}

/** A value cannot travel. */
export class EncodeError extends VortexError {
  override name = "EncodeError"
  constructor(problem: string, path?: string) {
    super(problem, "cannot-encode", path)
  }
}

/** What came is over one of the `Limits`. */
export class LimitExceeded extends VortexError {
  override name = "LimitExceeded"
  /** The name of the limit. */
  readonly limit: string

  constructor(limit: string, message: string) {
    super(`${message} (${limit})`, "limit-exceeded")
    this.limit = limit
  }
}

/** What the other end answered instead of doing what it was asked for. */
export class RemoteError extends VortexError {
  override name = "RemoteError"
  constructor(code: string, message: string) {
    super(message, code)
  }
}

/**
 * The error that a payload's `result` tells.
 *
 * @returns null for null and true, which mean that all is well.
 */
export function errorOf(result: unknown): VortexError | null {
  if ((result ?? true) === true) return null
  const text = typeof result === "string" ? result : shown(result)
  const [, code = "remote-error", message = text] = /^([a-z]+(?:-[a-z]+)*): ([^]*)/.exec(text) ?? []
  return new RemoteError(code, message)
}

/** *value* for an error's text: not all of it, it may be long. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? String(item) : item))
  return (text as string | undefined)?.slice(0, 200) ?? "nothing"
}

/** For what is told elsewhere. */
export function nothing(): void {
  // No more.
}

/** What is raised where *what* was expected, and *got* came. */
export const unexpected = (what: string, got: unknown, path?: string): DecodeError =>
  new DecodeError(`expected ${what}, got ${shown(got)}`, path)

/** What an error says, whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Whatever was thrown, as an error with a code. */
export function asVortexError(error: unknown): VortexError {
  return error instanceof VortexError ? error : new VortexError(messageOf(error))
}

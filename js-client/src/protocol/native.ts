/**
 * Native frames: what a run of bytes on our own wire is made of.
 *
 *     length (varint), kind (one byte), the rest
 *
 * What the kinds mean, and in which order they come, is the session's.
 */

import { DecodeError, LimitExceeded } from "../errors.ts"

/** What a POST begins with, so that a server knows this wire from VortexPY's. */
export const PREAMBLE = Uint8Array.of(0, 0x56, 0x58, 0x31)

/** What a WebSocket of this wire is asked for. */
export const SUBPROTOCOL = "vortex.1"

export type Bytes = Uint8Array<ArrayBuffer>

const MAX_BYTES = 8

/** *number*, from 0 to 2^53 - 1, seven bits in a byte, the lowest first. */
export function varint(number: number): number[] {
  const bytes = []
  for (; number > 0x7f; number = Math.floor(number / 128)) bytes.push((number % 128) | 0x80)
  bytes.push(number)
  return bytes
}

/**
 * The number at *at* in *bytes*, and where it ends; undefined where it is not all there.
 *
 * @throws DecodeError if it is no number, or over 2^53 - 1.
 */
function partOfVarint(bytes: Uint8Array, at: number): [number: number, end: number] | undefined {
  let number = 0
  for (let index = 0; index < MAX_BYTES; index++) {
    const byte = bytes[at + index]
    if (byte === undefined) return undefined
    number += (byte & 0x7f) * 128 ** index
    if (byte > 0x7f) continue
    if (!Number.isSafeInteger(number)) break
    return [number, at + index + 1]
  }
  throw new DecodeError("expected a number of 53 bits")
}

/** @throws DecodeError if there is no number. */
export function readVarint(bytes: Uint8Array, at: number): [number: number, end: number] {
  const read = partOfVarint(bytes, at)
  if (!read) throw new DecodeError("expected a number of 53 bits")
  return read
}

/** *parts* one behind the other. */
export function joined(parts: readonly ArrayLike<number>[]): Bytes {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** A whole frame; *parts* are what is in it. */
export function frame(kind: number, ...parts: readonly ArrayLike<number>[]): Bytes {
  const size = parts.reduce((sum, part) => sum + part.length, 1)
  return joined([varint(size), [kind], ...parts])
}

/** A whole frame with *fields* as JSON in it. */
export const jsonFrame = (kind: number, fields: object): Bytes => frame(kind, jsonBytes(fields))

export const encoder = new TextEncoder()

/** *value* as JSON. */
export const jsonBytes = (value: unknown): Bytes => encoder.encode(JSON.stringify(value))

/** Takes a run of bytes apart into frames, however it was cut into chunks. */
export class NativeDecoder {
  readonly #maxFrame: number
  /** The beginning of a frame whose end has not come, and how much of it there has to be to be worth a look. */
  #parts: Uint8Array[] = []
  #size = 0
  #wanted = 1

  /** @param maxFrame - Bytes that a frame may have, its length not counted. */
  constructor(maxFrame: number) {
    this.#maxFrame = maxFrame
  }

  /**
   * The frames that end in *chunk*, in order: each its kind and the rest.
   *
   * @throws LimitExceeded if one is too long, as soon as its length is there; behind those before it.
   * @throws DecodeError if a length is none; neither leaves anything to go on with.
   */
  *feed(chunk: Uint8Array): Generator<Uint8Array, void, void> {
    this.#parts.push(chunk)
    this.#size += chunk.length
    if (this.#size < this.#wanted) return
    const bytes = this.#parts.length > 1 ? joined(this.#parts) : chunk
    let at = 0
    this.#wanted = 1
    for (;;) {
      const read = partOfVarint(bytes, at)
      if (!read) break
      const [length, start] = read
      if (length > this.#maxFrame) throw new LimitExceeded("maxFrame", `a frame has ${length} bytes`)
      if (length === 0) throw new DecodeError("expected a frame")
      if (start + length > bytes.length) {
        this.#wanted = start + length - at
        break
      }
      at = start + length
      yield bytes.subarray(start, at)
    }
    this.#size = bytes.length - at
    // Not the chunk itself, which may be long.
    this.#parts = this.#size ? [bytes.slice(at)] : []
  }
}

/** Framing: where one message ends and the next begins, on what is one long run of text. */

import { LimitExceeded } from "../errors.ts"

/** Takes frames that end in a dot out of text that was cut anywhere. Base64 never holds a dot. */
export class DotDecoder {
  readonly #maxFrame: number
  #rest: string[] = []
  #length = 0

  /** @param maxFrame - Characters that a frame may have. */
  constructor(maxFrame: number) {
    this.#maxFrame = maxFrame
  }

  /**
   * @returns The frames that are whole now; an empty one is a beat.
   * @throws LimitExceeded if one is too long, whole or not.
   */
  feed(text: string): string[] {
    const frames = text.split(".")
    const rest = frames.pop() ?? ""
    if (frames.length) {
      frames[0] = this.#rest.join("") + (frames[0] ?? "")
      this.#rest = []
      this.#length = 0
    }
    if (rest) this.#rest.push(rest)
    this.#length += rest.length
    if (this.#length > this.#maxFrame || frames.some((frame) => frame.length > this.#maxFrame))
      throw new LimitExceeded("maxFrame", `a message has over ${this.#maxFrame} characters`)
    return frames
  }
}

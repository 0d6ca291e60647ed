/** Base64: the standard alphabet, padded, with nothing else in between. */

import { unexpected } from "../errors.ts"

/** @throws DecodeError if *text* is no base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    // atob takes what is cut short, or has blanks in it.
    if (text.length % 4 === 0 && !/\s/.test(text))
      return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
  } catch {
    // It is told below.
  }
  throw unexpected("base64", text)
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(lettersOf(bytes))
}

/** Each byte as a letter. */
export const lettersOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")

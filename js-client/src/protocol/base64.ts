/** Base64: the standard alphabet, padded, with nothing else in between. */

import { DecodeError } from "../errors.ts"

/** What newer engines have built in. */
interface Native {
  fromBase64?: (text: string) => Uint8Array<ArrayBuffer>
}

/** @throws DecodeError if *text* is no base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const native = Uint8Array as Native
  try {
    if (text.length % 4 || /\s/.test(text)) throw new Error("it is cut short, or has blanks in it")
    if (native.fromBase64) return native.fromBase64(text)
    const binary = atob(text)
    const bytes = new Uint8Array(binary.length)
    for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index)
    return bytes
  } catch (error) {
    throw new DecodeError(`expected base64, got ${JSON.stringify(text.slice(0, 24))}: ${String(error)}`)
  }
}

export function toBase64(bytes: Uint8Array): string {
  const native = bytes as { toBase64?: () => string }
  if (native.toBase64) return native.toBase64()
  let binary = ""
  for (let start = 0; start < bytes.length; start += 0x8000)
    binary += String.fromCharCode(...bytes.subarray(start, start + 0x8000))
  return btoa(binary)
}

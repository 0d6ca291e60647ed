/** Compression: zlib streams (RFC 1950), by what browsers have built in. */

import { DecodeError, LimitExceeded } from "../errors.ts"

/** Bytes given to the decompressor at once: what it unpacks past the limit is bounded by what these hold. */
const PIECE = 8 << 10

export async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/**
 * Decompress one zlib stream.
 *
 * @param limit - The largest result accepted, in bytes.
 * @throws LimitExceeded if it holds more.
 * @throws DecodeError if it is no zlib stream, or ends early.
 */
export async function inflate(
  bytes: Uint8Array<ArrayBuffer>,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new DecompressionStream("deflate")
  const writer = stream.writable.getWriter()
  const write = async (): Promise<void> => {
    for (let start = 0; start < bytes.length; start += PIECE)
      await writer.write(bytes.subarray(start, start + PIECE))
    await writer.close()
  }
  const reader = stream.readable.getReader()
  write().catch(() => {
    // The reader fails with it.
  })
  const parts: Uint8Array[] = []
  let size = 0
  try {
    for (;;) {
      const { done, value } = (await reader.read()) as ReadableStreamReadResult<Uint8Array>
      if (done) break
      size += value.length
      if (size > limit) throw new LimitExceeded("maxInflated", `a payload unpacks to over ${limit} bytes`)
      parts.push(value)
    }
  } catch (error) {
    reader.cancel().catch(() => {
      // It has failed already.
    })
    throw error instanceof LimitExceeded ? error : new DecodeError(`expected a zlib stream: ${String(error)}`)
  }
  const whole = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

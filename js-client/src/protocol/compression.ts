/** Compression: zlib streams (RFC 1950), by what browsers have built in. */

import { DecodeError, LimitExceeded } from "../errors.ts"
import { joined } from "./native.ts"

/** What one compressed byte can unpack to at most. */
const MAX_RATIO = 1032

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
    for (let start = 0, end; start < bytes.length; start = end) {
      // No more at once than fits below the limit, but for little.
      end = start + Math.min(64 << 10, 64 + Math.ceil((limit - size) / MAX_RATIO))
      await writer.write(bytes.subarray(start, end))
    }
    await writer.close()
  }
  const reader = stream.readable.getReader()
  const parts: Uint8Array[] = []
  let size = 0
  write().catch(() => {
    // The reader fails with it.
  })
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
  return joined(parts)
}

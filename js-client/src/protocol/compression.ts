/** Compression: zlib streams (RFC 1950), by what browsers have built in. */

import { DecodeError, LimitExceeded, nothing } from "../errors.ts"
import { type Bytes, joined } from "./native.ts"

/** What one compressed byte can unpack to at most. */
const MAX_RATIO = 1032

/**
 * What comes out of *stream*, which compresses or decompresses, when *bytes* have gone in.
 *
 * @param limit - The largest result accepted, in bytes.
 * @throws LimitExceeded if it is larger.
 * @throws DecodeError if *bytes* are no zlib stream, or end early, where that is what is expected.
 */
export async function through(
  stream: CompressionStream | DecompressionStream,
  bytes: Bytes,
  limit: number,
): Promise<Bytes> {
  const writer = stream.writable.getWriter()
  const write = async (): Promise<void> => {
    for (let start = 0, end; start < bytes.length; start = end) {
      // No more at once than fits below the limit, but for little.
      end = start + Math.min(64 << 10, 64 + Math.ceil((limit - size) / MAX_RATIO))
      await writer.write(bytes.subarray(start, end))
    }
    await writer.close()
  }
  const reader = stream.readable.getReader() as ReadableStreamDefaultReader<Uint8Array>
  const parts: Uint8Array[] = []
  let size = 0
  // The reader fails with it.
  write().catch(nothing)
  try {
    for (;;) {
      const { value } = await reader.read()
      if (!value) return joined(parts)
      size += value.length
      if (size > limit) throw new LimitExceeded("maxInflated", `a payload unpacks to over ${limit} bytes`)
      parts.push(value)
    }
  } catch (error) {
    // Where it has failed already, so does this.
    reader.cancel().catch(nothing)
    throw error instanceof LimitExceeded ? error : new DecodeError(`expected a zlib stream: ${String(error)}`)
  }
}

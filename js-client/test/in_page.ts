/**
 * What is tried in a browser too, bundled by the tests of the page: the recorded vectors, and frames that were
 * mutated, on a connection whose WebSocket is made up.
 */

import { VortexConnection } from "../src/index.ts"
import type { SocketLike } from "../src/transports/websocket.ts"
import { mutatedFrames, seeds } from "./protocol/mutations.ts"
import { type Checked, type Vector, checkVectors } from "./protocol/vectors.ts"
import { KINDS, data, welcome } from "./wire.ts"

type Files = Readonly<Record<string, readonly Vector[]>>

/** A WebSocket that gets what it is told that it gets. */
class MadeUp implements SocketLike {
  static last: MadeUp
  binaryType = "blob"
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose = null
  onerror = null

  constructor() {
    MadeUp.last = this
  }

  send(): void {
    // Nobody is there.
  }

  close(): void {
    // Nobody is there.
  }
}

/** Give a connection *count* mutated frames; it is opened anew where one has closed it. */
async function fuzz(files: Files, count: number): Promise<Readonly<Record<string, unknown>>> {
  const names = Object.getOwnPropertyNames(Object.prototype).join()
  const connection = new VortexConnection("ws://127.0.0.1:9/", { transport: "websocket", WebSocket: MadeUp })
  const codes = new Set<string>()
  const thrown: string[] = []
  let lines = 0
  let next = 1
  const receive = (bytes: Uint8Array): void => {
    MadeUp.last.onmessage?.({ data: bytes.slice().buffer })
  }
  const give = (bytes: Uint8Array): void => {
    if (connection.state !== "open") {
      lines++
      next = 1
      connection.reconnect()
      MadeUp.last.onopen?.()
      receive(welcome({ session: String(lines) }))
    }
    receive(bytes)
    const kind = bytes[bytes.findIndex((byte) => byte < 128) + 1]
    if (kind === KINDS.DATA || kind === KINDS.REPLY) next++
  }
  connection.addEventListener("error", (event) => {
    event.preventDefault() // or it would be written to the console
    codes.add((event as CustomEvent<{ code: string }>).detail.code)
  })
  connection.listen({ key: "k" }, () => undefined)
  for (const bytes of mutatedFrames(await seeds(new Map(Object.entries(files))), count, () => next)) {
    try {
      give(bytes)
    } catch (error) {
      thrown.push(String(error))
    }
  }
  connection.cut()
  await new Promise((resolve) => {
    connection.listen({ key: "last" }, resolve)
    give(data(1, { f: { key: "last" } }))
  })
  connection.close()
  const isPolluted = Object.getOwnPropertyNames(Object.prototype).join() !== names || "polluted" in {}
  return { thrown, lines, codes: [...codes].sort(), isPolluted }
}

Object.assign(globalThis, {
  checkVectors: (files: Files): Promise<Checked> => checkVectors(new Map(Object.entries(files))),
  fuzz,
})

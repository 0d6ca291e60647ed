/**
 * What is tried in a browser too, bundled by the tests of the page: the recorded vectors, and frames that were
 * mutated, on a connection whose WebSocket is made up.
 */

import { VortexConnection } from "../src/index.ts"
import type { SocketLike } from "../src/transports/websocket.ts"
import { mutated, seeds } from "./protocol/mutations.ts"
import { type Checked, type Vector, checkVectors } from "./protocol/vectors.ts"

type Files = Readonly<Record<string, readonly Vector[]>>

/** A WebSocket that gets what it is told that it gets. */
class MadeUp implements SocketLike {
  static last: MadeUp
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

const envelope = (filt: string): string => `{"_ct":"rpe","filt":${filt},"data":null,"result":null}`

/** Give a connection *count* mutated frames; it is opened anew where one has closed it. */
async function fuzz(files: Files, count: number): Promise<Readonly<Record<string, unknown>>> {
  const names = Object.getOwnPropertyNames(Object.prototype).join()
  const connection = new VortexConnection("ws://127.0.0.1:9/", { transport: "websocket", WebSocket: MadeUp })
  const codes = new Set<string>()
  const thrown: string[] = []
  let lines = 0
  const give = (frame: string): void => {
    if (connection.state !== "open") {
      lines++
      connection.reconnect()
      MadeUp.last.onopen?.()
      MadeUp.last.onmessage?.({ data: envelope('{"__vortexUuid__":"s","__vortexName__":"server"}') })
    }
    MadeUp.last.onmessage?.({ data: frame })
  }
  connection.addEventListener("error", (event) => {
    event.preventDefault() // or it would be written to the console
    codes.add((event as CustomEvent<{ code: string }>).detail.code)
  })
  for (const frame of mutated(seeds(new Map(Object.entries(files))), count)) {
    try {
      give(frame)
    } catch (error) {
      thrown.push(String(error))
    }
  }
  await new Promise((resolve) => {
    connection.listen({ key: "last" }, resolve)
    give(envelope('{"key":"last"}'))
  })
  connection.close()
  const isPolluted = Object.getOwnPropertyNames(Object.prototype).join() !== names || "polluted" in {}
  return { thrown, lines, codes: [...codes].sort(), isPolluted }
}

Object.assign(globalThis, {
  checkVectors: (files: Files): Promise<Checked> => checkVectors(new Map(Object.entries(files))),
  fuzz,
})

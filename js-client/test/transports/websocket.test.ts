import assert from "node:assert/strict"
import { beforeEach, test } from "node:test"
import type { FrameTransport } from "../../src/transports/transport.ts"
import { openWebSocket } from "../../src/transports/websocket.ts"
import { FakeSockets } from "./fakes.ts"

let sockets: FakeSockets
let told: string[]
let transport: FrameTransport

beforeEach(() => {
  sockets = new FakeSockets()
  told = []
  transport = openWebSocket(new URL("https://host/a/vortex?vortexUuid=u"), sockets.Socket, {
    opened: (form) => told.push(`opened ${form}`),
    frame: (text) => told.push(text),
    lost: (reason) => told.push(`lost: ${reason}`),
  })
})

test("http and https stand for ws and wss", () => {
  assert.equal(sockets.last.url, "wss://host/a/vortex?vortexUuid=u")
  const listener = { opened: () => undefined, frame: () => undefined, lost: () => undefined }
  openWebSocket(new URL("http://host/vortex"), sockets.Socket, listener)
  assert.equal(sockets.last.url, "ws://host/vortex")
  openWebSocket(new URL("wss://host/vortex"), sockets.Socket, listener)
  assert.equal(sockets.last.url, "wss://host/vortex")
})

test("takes raw messages once it is open; each is a text frame, and a beat is a dot", () => {
  sockets.last.accept()

  transport.send(["one", "", "two"])

  assert.deepEqual(told, ["opened raw"])
  assert.deepEqual(sockets.last.sent, ["one", ".", "two"])
})

test("frames come in as they are", () => {
  sockets.last.accept()

  sockets.last.receive(".")
  sockets.last.receive("{}")

  assert.deepEqual(told, ["opened raw", ".", "{}"])
})

test("a close is told once, with its reason or its number", () => {
  const socket = sockets.last
  socket.fail(1001, "going away")
  socket.fail(1006)
  assert.deepEqual(told, ["lost: going away"])

  told = []
  openWebSocket(new URL("ws://host/"), sockets.Socket, {
    opened: () => undefined,
    frame: () => undefined,
    lost: (reason) => told.push(reason),
  })
  sockets.last.fail(1006)
  assert.deepEqual(told, ["the WebSocket was closed (1006)"])
})

test("a binary frame is no frame of this wire: the line is left", () => {
  sockets.last.accept()

  sockets.last.receive(new ArrayBuffer(3))
  sockets.last.receive("late")

  assert.deepEqual(told, ["opened raw", "lost: expected text frames, got a binary one"])
  assert.equal(sockets.last.closed, true)
})

test("nothing is told once it was closed, whatever comes", () => {
  transport.close()

  sockets.last.accept()
  sockets.last.receive("late")
  sockets.last.fail()

  assert.deepEqual(told, [])
  assert.equal(sockets.open, 0)
})

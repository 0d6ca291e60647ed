import assert from "node:assert/strict"
import { beforeEach, suite, test } from "node:test"
import type { Transport } from "../../src/transports/transport.ts"
import { openWebSocket } from "../../src/transports/websocket.ts"
import { ack, beat, frame, joined } from "../wire.ts"
import { FakeListener } from "./fake_listener.ts"
import { FakeSockets } from "./fakes.ts"

const URL_ = new URL("https://host:8443/vortex?a=b")
let sockets: FakeSockets
let listener: FakeListener
let transport: Transport

beforeEach(() => {
  sockets = new FakeSockets()
  listener = new FakeListener()
  transport = openWebSocket(URL_, sockets.Socket, 1_000, listener)
})

suite("a WebSocket", () => {
  test("is opened for this wire, at the same place, and says hello first", () => {
    assert.equal(sockets.last.url, "wss://host:8443/vortex?a=b")
    assert.equal(sockets.last.protocol, "vortex.1")
    assert.deepEqual(sockets.last.told, [])
    sockets.last.accept()

    assert.deepEqual(sockets.last.told, ["HELLO"])
  })

  test("brings the frames in each message, in order", () => {
    sockets.last.receive(beat(1), ack(2))
    sockets.last.receive(joined(beat(3)).subarray(0, 2))
    sockets.last.receive(joined(beat(3)).subarray(2))

    assert.deepEqual(listener.told, ["frame 12 01", "frame 11 02 00", "frame 12 03"])
  })

  test("sends what there is in one message", () => {
    sockets.last.accept()
    listener.out.push(Uint8Array.from(beat(1)), Uint8Array.from(beat(2)))
    transport.flush()
    transport.flush()

    assert.deepEqual(sockets.last.told, ["HELLO", "BEAT 1", "BEAT 2"])
  })

  test("that ends is lost, with the reason that was given", () => {
    sockets.last.fail(4003, "superseded: another connection carries it")

    assert.deepEqual(listener.told, ["lost: superseded: another connection carries it"])
    assert.equal(sockets.open, 0)
  })

  test("that ends without a reason has a number", () => {
    sockets.last.fail(1006)

    assert.deepEqual(listener.told, ["lost: the WebSocket was closed (1006)"])
  })

  for (const [what, data] of [
    ["text", "{}"],
    ["a Blob", new Blob(["x"])],
    ["nothing", null],
    ["no bytes", { toString: 5 }],
  ] as const)
    test(`that brings ${what} is lost`, () => {
      sockets.last.receive(data)

      assert.deepEqual(listener.told, ["lost: expected binary messages, got text"])
    })

  test("that brings a frame that is too long is lost, behind those that are not", () => {
    sockets.last.receive(beat(1), frame(5, new Uint8Array(1_000)))

    assert.deepEqual(listener.told[0], "frame 12 01")
    assert.match(listener.told[1] ?? "", /^lost: a frame has 1001 bytes.*maxFrame/)
  })

  test("that is closed tells nothing more, and takes its last frames along", () => {
    sockets.last.accept()
    transport.close([Uint8Array.from(beat(7))])

    sockets.last.receive(beat(1))
    sockets.last.fail()
    assert.deepEqual(sockets.last.told, ["HELLO", "BEAT 7"])
    assert.deepEqual([listener.told, sockets.open], [[], 0])
  })

  test("whose address is http's is ws's", () => {
    openWebSocket(new URL("http://host/"), sockets.Socket, 1_000, listener)
    assert.equal(sockets.last.url, "ws://host/")
    openWebSocket(new URL("ws://host/"), sockets.Socket, 1_000, listener)
    assert.equal(sockets.last.url, "ws://host/")
  })
})

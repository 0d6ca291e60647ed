/** Who listens to a transport in its tests: it is told, and gives what there is to send. */

import type { Bytes } from "../../src/protocol/native.ts"
import type { TransportListener } from "../../src/transports/transport.ts"
import { json } from "../wire.ts"

export class FakeListener implements TransportListener {
  generation = 0
  moving = false
  token = "t1"
  /** What happened, in order: "frame 12 01", "heard", "renew", "renew by websocket", "not sent", "lost: …". */
  readonly told: string[] = []
  /** Whether something else may be sent where one message cannot. */
  mayPass = true
  /** What is to be sent. */
  out: Bytes[] = []
  /** Whether it is told of parts of frames. */
  tellsHeard = false

  isMoving(): boolean {
    return this.moving
  }

  hello(via?: string, wait?: number): Bytes {
    return json("HELLO", { via, wait, token: this.token })
  }

  sendHead(): Bytes | null {
    return json("SEND", { token: this.token })
  }

  take(most = Infinity): Bytes[] {
    return this.out.splice(0, most)
  }

  cannotPass(reason: string): boolean {
    this.told.push(`cannot pass: ${reason}`)
    return this.mayPass
  }

  notSent(): void {
    this.told.push("not sent")
  }

  heard(): void {
    if (this.tellsHeard) this.told.push("heard")
  }

  frame(bytes: Uint8Array): void {
    const shown = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")
    this.told.push(`frame ${shown}`)
  }

  renew(kind?: string): void {
    this.told.push(kind ? `renew by ${kind}` : "renew")
  }

  lost(reason: string): void {
    this.told.push(`lost: ${reason}`)
  }
}

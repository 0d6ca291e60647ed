/** Kinds: what a frame is, by its first byte. */

export const HELLO = 0x01
export const WELCOME = 0x02
export const CLOSE = 0x03
export const SEND = 0x04
export const PAD = 0x05
export const DATA = 0x10
export const ACK = 0x11
export const BEAT = 0x12
export const ACTION = 0x13
export const REPLY = 0x14
export const CANCEL = 0x15

/** Uuids: what tells one thing from all others, wherever they were made. */

/** A random uuid; `crypto.randomUUID` is only there for pages that came by https. */
export function newUuid(): string {
  const hex = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  )
  return hex.join("").replace(/^(.{8})(.{4}).(.{3}).(.{3})/, "$1-$2-4$3-8$4-")
}

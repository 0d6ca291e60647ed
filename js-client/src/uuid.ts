/** Uuids: what tells one thing from all others, wherever they were made. */

/** A random uuid; `crypto.randomUUID` is only there for pages that came by https. */
export function newUuid(): string {
  return "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx".replace(/x/g, () =>
    Number(crypto.getRandomValues(new Uint8Array(1)))
      .toString(16)
      .slice(-1),
  )
}

/**
 * JSON text: read with all digits of long integers, and with the NaN and Infinity that Python writes.
 *
 * `JSON.parse` knows neither, so where a text has such a number it is tagged first, as `convert` reads it.
 */

import { DecodeError } from "../errors.ts"

/** What is past 2^53, or near it. */
const LONG = /9\d{15}|\d{17}/

/** What `JSON.parse` does not read as it is meant, unless it is in a text; and where texts begin and end. */
const UNUSUAL = /\\[^]|"|(?<![\w.+-])-?(?:Infinity|NaN|(?:9\d{15}|\d{17,})(?![\d.eE]))/g

/** @throws DecodeError if *bytes* are no JSON in UTF-8. */
export function readJson(bytes: Uint8Array): unknown {
  try {
    return parseJson(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (error) {
    throw new DecodeError(`expected JSON: ${String(error)}`)
  }
}

/** @throws SyntaxError if *text* is no JSON. */
export function parseJson(text: string): unknown {
  if (!LONG.test(text))
    try {
      return JSON.parse(text)
    } catch {
      // It has NaN or Infinity in it, or is no JSON. That is not looked for first: texts are long, and few have it.
    }
  let isInText = false
  const tagged = text.replace(UNUSUAL, (found) => {
    if (found === '"') isInText = !isInText
    return isInText || found.length < 3
      ? found
      : `{"_ft":"${/\d/.test(found) ? "int" : "float"}","_fd":"${found}"}`
  })
  return JSON.parse(tagged)
}

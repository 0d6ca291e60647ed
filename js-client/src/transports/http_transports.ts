/**
 * HTTP transports: all that go by POST, as the file `vortex-http.mjs` that a page fetches when it needs one.
 *
 * `http_later` is what fetches it. Nothing else of the client has to do with what is in that file.
 */

import { openFetchStream } from "./fetch_stream.ts"
import { openLongPoll } from "./long_poll.ts"
import { openSse } from "./sse.ts"

/** What opens each. */
export const openers = { post: openFetchStream, sse: openSse, poll: openLongPoll }

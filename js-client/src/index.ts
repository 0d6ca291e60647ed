/** The client's public names, the topmost floor first. */

export {
  type ConnectionEvents,
  type ConnectionOptions,
  type ResetReason,
  type SessionReset,
  type SessionResumed,
  type RequestOptions,
  type State,
  type StateChange,
  VortexConnection,
} from "./node/vortex_connection.ts"
export { TypedEventTarget, type TypedEventTargetConstructor } from "./typed_events.ts"
export type { ActOptions } from "./handlers/actions.ts"
export { Prediction } from "./handlers/prediction.ts"
export { Observation, type ObserveOptions, type Selector } from "./handlers/observer.ts"
export { Loader, type LoaderEvents, type LoaderOptions, type RowStatus } from "./handlers/loader.ts"
export {
  type Line,
  LiveView,
  type Policy,
  type RowsCallback,
  type ViewEvents,
  type ViewOptions,
  type ViewState,
} from "./handlers/live_view.ts"
export type { Key, RowsChange } from "./handlers/live_rows.ts"
export type { SocketConstructor, SocketLike } from "./transports/websocket.ts"
export type { TransportKind } from "./transports/transport.ts"
export { PayloadIO, type Waiting } from "./routing/payload_io.ts"
export { type EndpointCallback, PayloadEndpoint } from "./routing/payload_endpoint.ts"
export { MESSAGE_ID, aboutOf, isSubset } from "./routing/filt.ts"
export type { Delivery } from "./routing/delivery.ts"
export type { PeerIdentity } from "./protocol/events.ts"
export type { Envelope } from "./protocol/envelope.ts"
export { type Filt, Payload } from "./protocol/payload.ts"
export { type AnyTuple, Tuple, type TupleClass, tupleTypeOf } from "./tuples/tuple.ts"
export { addTupleType, tupleClassOf } from "./tuples/registry.ts"
export { DateTime } from "./tuples/date_time.ts"
export type { Clock } from "./clock.ts"
export { type Limits, defaultLimits } from "./limits.ts"
export {
  ConnectionLost,
  DecodeError,
  EncodeError,
  LimitExceeded,
  NotConnected,
  RemoteError,
  RequestTimeout,
  VortexError,
  errorOf,
} from "./errors.ts"

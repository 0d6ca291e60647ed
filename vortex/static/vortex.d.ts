/*! txvortex 0.1.0, MIT licence */
/** Clock: what is asked of time. Tests pass one whose time passes when they say so. */
interface Clock {
    /** Milliseconds since some fixed moment; never goes back. */
    now(): number;
    /** Call *callback* once, in *ms* milliseconds. Returns what `clearTimer` takes. */
    setTimer(callback: () => void, ms: number): unknown;
    /** Forget a timer; one that is over, or was none, does nothing. */
    clearTimer(timer: unknown): void;
}

/**
 * Errors: everything that the client raises on purpose, and the stable word for each.
 *
 * The words are those that the server uses. Nothing is logged here.
 */
/** Whatever goes wrong in a way that a caller can do something about. */
declare class VortexError extends Error {
    name: string;
    /** Lower-case words joined by hyphens; stable, unlike the message. */
    readonly code: string;
    /** @param path - Where in a message it is, as in ".tuples[3].due". */
    constructor(message: string, code?: string, path?: string);
}
/** The connection was closed: nothing was sent. */
declare class NotConnected extends VortexError {
    name: string;
    constructor(message: string);
}
/** The connection was closed before the answer came: what was asked for may or may not have happened. */
declare class ConnectionLost extends VortexError {
    name: string;
    constructor(message: string);
}
/** No answer came in time. */
declare class RequestTimeout extends VortexError {
    name: string;
    constructor(message: string);
}
/** A message, or a value in it, is not what it should be. */
declare class DecodeError extends VortexError {
    name: string;
    /**
     * @param problem - What was expected, and what came.
     * @param path - Where, as in ".tuples[3].due".
     */
    constructor(problem: string, path?: string);
}
/** A value cannot travel. */
declare class EncodeError extends VortexError {
    name: string;
    constructor(problem: string, path?: string);
}
/** What came is over one of the `Limits`. */
declare class LimitExceeded extends VortexError {
    name: string;
    /** The name of the limit. */
    readonly limit: string;
    constructor(limit: string, message: string);
}
/** What the other end answered instead of doing what it was asked for. */
declare class RemoteError extends VortexError {
    name: string;
    constructor(code: string, message: string);
}
/**
 * The error that a payload's `result` tells.
 *
 * @returns null for null and true, which mean that all is well.
 */
declare function errorOf(result: unknown): VortexError | null;

/** Payload: what is sent and received, a filt, tuples and a result. */
/** What a payload is routed by. */
type Filt = Readonly<Record<string, unknown>>;
/** The only thing that is routed. */
declare class Payload {
    filt: Filt;
    tuples: unknown[];
    /** null: nothing to say; true: done; anything else tells an error. */
    result: unknown;
    /** When it was made; null where the sender does not say. */
    date: Date | null;
    constructor(filt?: Filt, tuples?: readonly unknown[], result?: unknown, date?: Date | null);
}

/**
 * Tuple: a record that can travel, and the name of its type. What its fields become on the wire is `convert`'s.
 */
/** A class of tuples of one type. */
interface TupleClass<T extends Tuple = Tuple> {
    new (): T;
    /** The name that its tuples travel under, as the server has it. */
    readonly tupleType: string;
}
/** A tuple whose fields nobody has declared. */
type AnyTuple = Tuple & Record<string, unknown>;
/**
 * A record of named fields.
 *
 * One of a type without a class is made by `new Tuple("demo.Job", { title: "Water the plants" })`. A class of
 * one's own names its type and gives its fields defaults:
 *
 *     class Job extends Tuple {
 *       static override tupleType = "demo.Job"
 *       id: number | null = null
 *       title = ""
 *     }
 *     addTupleType(Job)
 *     const job = Job.of({ title: "Water the plants" })
 */
declare class Tuple {
    #private;
    /** What tuples of this class are called on the wire. */
    static tupleType: string;
    /**
     * @param tupleType - What it is called on the wire; default: the class's own.
     * @param fields - Its fields. A class with fields of its own is filled by `of` instead: its defaults are set
     *   after this.
     */
    constructor(tupleType?: string, fields?: Readonly<Record<string, unknown>>);
    /** A new tuple of this class, with *fields* set and the others as the class has them. */
    static of<T extends Tuple>(this: new () => T, fields: Partial<Omit<T, keyof Tuple>>): T;
    /** What *tuple* is called on the wire. */
    static typeOf(tuple: Tuple): string;
}
/** What *tuple* is called on the wire. */
declare function tupleTypeOf(tuple: Tuple): string;

/** Delivery: one message on its way to who wants it, and how to answer it. */

/** What a callback gets beside the payload. */
interface Delivery {
    /** The filt that the message came with. */
    readonly filt: Filt;
    /** Whether it is an answer or a push: then it is not answered again. */
    readonly isReply: boolean;
    /** Answer it, under the filt that it came with; default: that it is done, without tuples. */
    reply(tuples?: readonly unknown[], result?: unknown): Promise<void>;
}

/**
 * Limits: every bound that the client keeps. Sizes are in bytes, times in milliseconds.
 *
 * Nothing in here enforces anything: who reads, inflates or waits takes its bound from a connection's limits.
 */
/** What a connection lets a server do to it. */
interface Limits {
    /** Bytes in one frame. */
    readonly maxFrame: number;
    /** Bytes that one compressed payload may inflate to. */
    readonly maxInflated: number;
    /** Levels of lists, objects and tuples inside each other. */
    readonly maxDepth: number;
    /** Values in one message. */
    readonly maxNodes: number;
    /** Keys in one filt. */
    readonly maxFiltItems: number;
    /** Messages that wait to be sent; one more is an error of who sends it. */
    readonly maxOutboxItems: number;
    /** Bytes of those; one that is larger still waits alone. */
    readonly maxOutboxBytes: number;
    /** How long a connection may take until the server has said its first word. */
    readonly helloTimeoutMs: number;
}
/** What holds where a connection is told nothing else. */
declare const defaultLimits: Limits;

/** Envelope: a message that is addressed and not opened. How it stands on the wire is `native_message`'s. */

/** A message whose body is still encoded. */
interface Envelope {
    readonly filt: Filt;
    readonly result: unknown;
    readonly date: Date | null;
    /** An answer or a push, which is not to be answered. */
    readonly isReply: boolean;
    /**
     * Inflate and decode what is in it.
     *
     * @throws DecodeError, LimitExceeded
     */
    open(limits: Limits): Promise<Payload>;
}

/**
 * PayloadIO: takes each message to the endpoints that it matches, and to who waits for it.
 *
 * Messages are delivered in the order they came in, although what is in them is unpacked meanwhile. It is unpacked
 * once, and only if somebody wants it. What one callback raises is reported, and is nothing to the next.
 */

/** Who waits for an answer. */
interface Waiting {
    /** The answer has come. */
    readonly resolve: (payload: Payload) => void;
    /** It tells an error, or cannot be read. */
    readonly reject: (error: unknown) => void;
}
/** Brings each message to those whose filt it holds, and each answer to the one who waits for it. */
declare class PayloadIO {
    #private;
    /**
     * @param send - Sends what a callback answers.
     * @param onError - Is told what could not be read, and what a callback raised.
     */
    constructor(limits: Limits, send: (payload: Payload) => Promise<void>, onError: (error: unknown) => void);
    /** Those that listen, the eldest first. */
    get endpoints(): readonly PayloadEndpoint[];
    /** For endpoints. */
    add(endpoint: PayloadEndpoint): void;
    /** For endpoints. */
    discard(endpoint: PayloadEndpoint): void;
    /**
     * Deliver a message, after those that came before.
     *
     * @param waiting - Who has waited for it.
     * @returns When that is done; it never rejects.
     */
    route(envelope: Envelope, waiting?: Waiting): Promise<void>;
}

/** PayloadEndpoint: a filt, and who is called with the payloads that it matches. */

/** What an endpoint calls; a promise that it returns is waited for by nobody, its failure is reported. */
type EndpointCallback = (payload: Payload, delivery: Delivery) => unknown;
/**
 * Have *callback* called with each payload whose filt holds what *filt* holds.
 *
 * It lasts until `shutdown`, or until its signal says so: nothing else ends it.
 */
declare class PayloadEndpoint {
    #private;
    readonly filt: Filt;
    readonly callback: EndpointCallback;
    /**
     * @param owner - A connection, or its `payloadIO`.
     * @throws TypeError if *filt* has no key to route by.
     */
    constructor(filt: Filt, callback: EndpointCallback, owner: PayloadIO | {
        readonly payloadIO: PayloadIO;
    }, options?: {
        readonly signal?: AbortSignal;
    });
    /** Have it called no more. */
    shutdown(): void;
}

/** What makes one, that has no listeners. */
type TypedEventTargetConstructor = new <E>() => TypedEventTarget<E>;
/** Typed events: an EventTarget that says which events it has; nothing of it is there at run time. */
/** An EventTarget whose events are those of *E*, by their names. */
interface TypedEventTarget<E> extends EventTarget {
    /** Be told of one of its events. */
    addEventListener<K extends keyof E>(type: K, listener: ((event: E[K]) => void) | null, options?: AddEventListenerOptions | boolean): void;
    /** Be told of any event. */
    addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: AddEventListenerOptions | boolean): void;
    /** Be told no more of one of its events. */
    removeEventListener<K extends keyof E>(type: K, listener: ((event: E[K]) => void) | null, options?: EventListenerOptions | boolean): void;
    /** Be told no more of any event. */
    removeEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: EventListenerOptions | boolean): void;
}
/** Makes one. */
declare const TypedEventTarget: TypedEventTargetConstructor;

/**
 * LiveRows: the rows of one watch, and what each message makes of them, as docs/reference/live-data.md says.
 *
 *     loading --whole state--> there --gap, check that does not fit--> behind --answer--> there
 *
 * No line and no clock: whoever has those passes messages in, and is told what has changed, and whether to ask
 * again. A row that has not changed stays the same object.
 */

/** The value of a row's key: of several key fields, a list; of rows of several types that begins with the type. */
type Key = unknown;
/** What has become of the rows since the last time. */
interface RowsChange<T> {
    /** As they came. */
    readonly created: readonly T[];
    /** As they are now. */
    readonly updated: readonly T[];
    /** As they were. */
    readonly deleted: readonly T[];
}

/** One expected change. `withCreated`, `withUpdated` and `withDeleted` of a view make it, an action takes it. */
declare class Prediction {
    #private;
}

/**
 * LiveView: rows that a server keeps current, as a page has them.
 *
 * It asks once, and again from where it is when another session has begun. Through a line that comes back nothing
 * was missed. What messages make of the rows is `live_rows`'; a server that sends whole states, and says nothing of
 * views, is understood as well.
 */

/** Is told the rows as they are, and what has become of them since the last time. */
type RowsCallback<T> = (rows: readonly T[], change: RowsChange<T>) => unknown;
/** How far the rows can be relied on, see `LiveView.state`. */
type ViewState = "loading" | "current" | "stale" | "closed";
/** How often a server is to tell of changes. */
interface Policy {
    /** Seconds between two messages, at least. */
    readonly minInterval?: number;
    /** "latest": of several changes the last; "all": each, as far as the server keeps them. */
    readonly mode?: "latest" | "all";
    /** Lower goes first; default: 100. */
    readonly priority?: number;
}
/** What all views can be told. */
interface ViewOptions {
    /** Closes the view. */
    readonly signal?: AbortSignal;
    /** How long each request waits for its answer, in milliseconds. */
    readonly timeout?: number;
    /** How often the server is to tell. */
    readonly policy?: Policy;
}
/** What a view needs of a connection. */
interface Line {
    /** "open" while there is a line, "closed" once there will be none. */
    readonly state: string;
    /** Send it, and wait for its answer; *taken* is called with that in its turn, before what comes after. */
    request(payload: Payload, options?: {
        readonly timeout?: number | undefined;
        readonly signal?: AbortSignal;
        readonly taken?: (answer: Payload) => void;
    }): Promise<Payload>;
    /** Send it. */
    send(payload: Payload): Promise<void>;
    /** Have *callback* called with each payload whose filt holds what *filt* does. */
    listen(filt: Filt, callback: (payload: Payload, delivery: Delivery) => void): PayloadEndpoint;
    /** Have *callback* called whenever `state` has changed, until what this returns is called. */
    onStateChange(callback: () => void): () => void;
    /** Have *callback* called whenever what was sent to us may have been lost, until what this returns is called. */
    onReset(callback: () => void): () => void;
    /** Have *callback* called in *ms* milliseconds, unless what this returns is called before. */
    later(callback: () => void, ms: number): () => void;
    /** Tell whoever looks after the page of a callback that has failed, or of rows that could not be loaded. */
    readonly report: (error: unknown) => void;
}
/** What a view tells. */
interface ViewEvents<T> {
    /** What has become of the rows. */
    rows: CustomEvent<RowsChange<T>>;
    /** How far the rows can be relied on from now on. */
    state: CustomEvent<ViewState>;
}
/**
 * Rows that are kept current: what `Loader` and `Observation` have in common.
 *
 * As an async iterator it gives the rows as they are, whenever they have changed; of several changes the last.
 */
declare class LiveView<T extends Tuple = AnyTuple, E extends ViewEvents<T> = ViewEvents<T>> extends TypedEventTarget<E> implements AsyncIterable<readonly T[]> {
    #private;
    /** What the rows are asked for by. */
    readonly filt: Filt;
    /** As the server orders them. A row that has not changed stays the same object. */
    get rows(): readonly T[];
    /** The rows by their keys; of several key fields by the JSON of their list, which `get` spares you. */
    get byKey(): ReadonlyMap<Key, T>;
    /** "stale": the rows may have changed meanwhile, and are asked for. "closed": no more comes. */
    get state(): ViewState;
    /** Where in the server's changes the rows are; null where it does not say. */
    get position(): string | null;
    /** Why the rows could not be loaded the last time; null if they could. */
    get error(): VortexError | null;
    /** The row of that key; of several key fields, a list. */
    get(key: Key): T | undefined;
    /**
     * Ask for the rows again, as the server knows them: what was changed behind its back it has to be told there.
     *
     * @throws VortexError if they cannot be had; `error` has it too.
     */
    reload(): Promise<readonly T[]>;
    /** Load and tell nothing more; the rows stay as they are. */
    close(): void;
    /** Expect that *row* is created; one of its key that comes takes its place. */
    withCreated(row: T): Prediction;
    /** Expect that these fields of a row, which may be given by its key, are changed. */
    withUpdated(rowOrKey: Key, fields: Partial<Omit<T, keyof Tuple>>): Prediction;
    /** Expect that a row, which may be given by its key, is deleted. */
    withDeleted(rowOrKey: Key): Prediction;
    /** Ends with the view; every `for await` has a turn of its own. */
    [Symbol.asyncIterator](): AsyncIterator<readonly T[], undefined>;
}

/** Actions: what a page wants done, and what it shows until that is so. */

/** How one action is made. */
interface ActOptions {
    /**
     * What is shown ahead of the answer: what views give for `withCreated`, `withUpdated` and `withDeleted`. If the action
     * fails it is gone, and what is under it is there; if not, it stays until the rows have it by themselves.
     */
    readonly optimistic?: Prediction | readonly Prediction[];
    /** How long to wait for the answer, in milliseconds. */
    readonly timeout?: number;
    /** Ends the wait with its reason; the server is told, and may stop. */
    readonly signal?: AbortSignal;
    /** What stands beside the processor's name in the filt of the server's handler. */
    readonly filt?: Filt;
}

/**
 * Loader: the rows that a filt names, loaded and kept current, and changed with the server's consent.
 *
 * What is here is what the server has said. A save shows as busy until it is answered; the row then is what the
 * server made of it, or, where it said no, what it was before. Nothing is changed ahead of the answer.
 *
 * It asks once, and again when another session has begun: what was missed then is made up for. Through a line that
 * comes back nothing was missed.
 */

/** What is under way with one row, and what went wrong with it last. */
interface RowStatus {
    /** What the server has not answered yet. */
    readonly busy: "saving" | "deleting" | null;
    /**
     * Why a save or delete has failed, of a row that is gone too; null from the next one on, and after `clearError`.
     */
    readonly error: VortexError | null;
}
/** How a `Loader` is made. */
interface LoaderOptions<T extends Tuple> extends ViewOptions {
    /** The field, or fields, that tell rows apart, unless the server says which; default: "id". */
    readonly key?: string | readonly string[];
    /** What `create` makes; needed while there are no rows to tell it. */
    readonly tuple?: string | TupleClass<T>;
}
/** What a loader tells. */
interface LoaderEvents<T> extends ViewEvents<T> {
    /** A row's key, and what is under way with it now. */
    status: CustomEvent<RowStatus & {
        readonly key: Key;
    }>;
}
/**
 * Rows under one filt. `connection.load(filt)` makes one.
 *
 * Events: "rows" (`detail`: what has changed), "status" (`detail`: a row's key, busy and error) and "state".
 */
declare class Loader<T extends Tuple = AnyTuple> extends LiveView<T, LoaderEvents<T>> {
    #private;
    /**
     * @param onRows - Called whenever the rows have changed; or, where that is not needed, the options.
     * @throws TypeError if *filt* has no key.
     */
    constructor(line: Line, filt: Filt, onRows?: RowsCallback<T> | LoaderOptions<T>, options?: LoaderOptions<T>);
    /** What is under way with a row, which may be given by its key. */
    status(rowOrKey: Key): RowStatus;
    /** Forget a row's error. */
    clearError(rowOrKey: Key): void;
    /**
     * Have a new row stored.
     *
     * @param fields - Its fields, or a whole tuple.
     * @returns The row as the server has stored it.
     * @throws VortexError with the server's code if it refuses; ConnectionLost if that is not known.
     */
    create(fields: Readonly<Record<string, unknown>> | Tuple): Promise<T>;
    /**
     * Have a row stored.
     *
     * @param changes - The fields that are to change. Only they are sent, with the key, so that what others change
     *   in the row meanwhile stays. Without them the whole row is.
     * @returns The row as the server has stored it.
     * @throws VortexError with the server's code if it refuses; ConnectionLost if that is not known.
     * @throws TypeError if the row has no key: it would be stored as a new one.
     */
    save(row: T, changes?: Partial<Omit<T, keyof Tuple>>): Promise<T>;
    /**
     * Have a row deleted.
     *
     * @throws VortexError with the server's code if it refuses; ConnectionLost if that is not known.
     * @throws TypeError if the row has no key.
     */
    delete(row: T): Promise<void>;
}

/** Observation: what a server's observable selects, kept current. */

/** What to observe: a name that the observable knows, and its arguments, if it takes any. */
type Selector = string | Tuple | {
    readonly name: string;
    readonly selector?: object;
};
/** How an `Observation` is made. */
interface ObserveOptions extends ViewOptions {
    /** What stands beside the observable's name in the filt of the server's handler. */
    readonly filt?: Filt;
}
/**
 * The rows of one selector. `connection.observe(name, selector)` makes one.
 *
 * Events: "rows" (`detail`: what has changed) and "state".
 */
declare class Observation<T extends Tuple = AnyTuple> extends LiveView<T> {
    /** @param onRows - Called whenever the rows have changed. */
    constructor(line: Line, observableName: string, selector: Selector, onRows?: RowsCallback<T>, { filt, ...options }?: ObserveOptions);
}

/**
 * Events: what a session tells its owner.
 *
 * A session never calls anybody. It collects these, and whoever drives it takes them once, in order.
 */

/** Who is at the other end, in its own words: labels, never proof of anything. */
interface PeerIdentity {
    readonly uuid: string;
    readonly name: string;
}

/**
 * What a transport is to the session that it carries.
 *
 * A transport moves whole frames and knows nothing of what is in them. It never calls its listener while it
 * is being opened, nor after it was closed, nor does anything that the listener throws reach it.
 */

/**
 * The ways to reach one and the same server: a WebSocket; a POST whose response is held open, as bytes or as
 * events; and POSTs one after the other, each answered when there is something.
 */
type TransportKind = "websocket" | "post" | "sse" | "poll";

/** WebSocket: a browser's, or one with the same interface, as a `Transport`. Each message holds whole frames. */

/** What of a WebSocket is used; a browser's has it, so has that of the package `ws`. */
interface SocketLike {
    /** How what comes is handed over. */
    binaryType: string;
    /** Called when it is open. */
    onopen: ((event: never) => void) | null;
    /** Called with each message, in `data`. */
    onmessage: ((event: never) => void) | null;
    /** Called once it is over, with `code` and `reason`. */
    onclose: ((event: never) => void) | null;
    /** Called when it fails, before `onclose`. */
    onerror: ((event: never) => void) | null;
    /** Send one message. */
    send(bytes: Uint8Array<ArrayBuffer>): void;
    /** End it in good order. */
    close(): void;
}
/** Makes the WebSocket to a URL, for a subprotocol, as `WebSocket` does. */
type SocketConstructor = new (url: string, protocol: string) => SocketLike;

/**
 * VortexConnection: the page's link to one server, which comes back by itself.
 *
 *     connecting --WELCOME--> open
 *       |     ^                 |
 *       v     |                 | connection lost, cut()
 *      waiting <----------------+          any --close()--> closed
 *
 * What goes on between the two outlives what carries it: what is sent while there is no line waits, and a request
 * whose answer had not come is answered on the next one.
 */

/** Where a connection is on its way, see the module's diagram. */
type State = "connecting" | "open" | "waiting" | "closed";
/** What a "state" event tells in its `detail`. */
interface StateChange {
    /** Where it is now. */
    readonly state: State;
    /** Where it was until now. */
    readonly previous: State;
    /** What carries the line, or is to carry it; null without one. */
    readonly transport: TransportKind | null;
    /** Why the line was lost or could not be opened; null where there is nothing to tell. */
    readonly reason: string | null;
}
/** How a `VortexConnection` is made. */
interface ConnectionOptions {
    /** What we call ourselves; others may bear the same name. */
    readonly name?: string;
    /** What tells us from others of our name; default: random, new for every connection. */
    readonly uuid?: string;
    /**
     * "auto": a WebSocket; a held POST in turn where that cannot be opened; long polls where something in between
     * holds back what the server writes. It stays with what worked, but for polls, which it leaves again if it can.
     */
    readonly transport?: TransportKind | "auto";
    /** What makes a WebSocket; default: the global one. */
    readonly WebSocket?: SocketConstructor;
    /** What makes a request; default: the global one. */
    readonly fetch?: typeof fetch;
    /** Those that are to differ from `defaultLimits`. */
    readonly limits?: Partial<Limits>;
    /** Where the time comes from; default: the machine's. */
    readonly clock?: Clock;
    /** Uniform in [0, 1); for the delays between attempts. */
    readonly random?: () => number;
    /** Ceiling of the first delay between attempts, in milliseconds; each after it has twice the last one's. */
    readonly firstDelayMs?: number;
    /** Ceiling that no delay goes over, in milliseconds. */
    readonly maxDelayMs?: number;
    /** How long a request waits for its answer unless it says otherwise, in milliseconds. */
    readonly requestTimeoutMs?: number;
}
/** How one request is made. */
interface RequestOptions {
    /** What is sent along; default: the payload's own. */
    readonly tuples?: readonly unknown[];
    /** How long to wait for the answer, in milliseconds. */
    readonly timeout?: number | undefined;
    /** Ends the wait with its reason; the server is told, and may stop. */
    readonly signal?: AbortSignal;
    /** Is called with the answer in its turn, before what comes after it. */
    readonly taken?: (answer: Payload) => void;
}
/** What a "resumed" event tells in its `detail`. */
interface SessionResumed {
    /** How many messages this end writes again, as the server had not got them. */
    readonly replayed: number;
    /** How long nothing carried it, in milliseconds; 0 where it has moved from one connection to another. */
    readonly afterMs: number;
}
/**
 * Why another session has begun: what the server says of the one that there was; or what had ended that before, such
 * as the word with which the server has closed the connection for good, or "closed" of a page that was left and has
 * come back.
 */
type ResetReason = "expired" | "unknown" | "overflow" | "epoch" | "auth" | "rights" | "schema" | "superseded" | "closed" | (string & {});
/** What a "reset" event tells in its `detail`. */
interface SessionReset {
    /**
     * "expired": nobody came back in time. "epoch": the server was started anew. "auth": who comes back is somebody
     * else. "rights": who comes back may do less.
     */
    readonly reason: ResetReason;
}
/** What a connection tells. */
interface ConnectionEvents {
    /** It is somewhere else on its way now, or on another transport. */
    state: CustomEvent<StateChange>;
    /** The session goes on, on another connection, and nothing was lost. */
    resumed: CustomEvent<SessionResumed>;
    /**
     * Another session has begun in the place of the one there was. What the server had sent meanwhile is lost; what
     * was not acknowledged or not answered is sent again.
     */
    reset: CustomEvent<SessionReset>;
    /** The server has dropped the session, since there was no line for too long; told just before its "reset". */
    expired: CustomEvent<null>;
    /** A message could not be read, or a callback failed. */
    error: CustomEvent<VortexError>;
    /** A `ping` came back, after so many milliseconds. */
    roundtrip: CustomEvent<number>;
}
/**
 * A link to a server's vortex. It connects at once, and again whenever its line is lost.
 *
 * Events: "state" (`CustomEvent<StateChange>`), "resumed", "reset" and "expired" (what became of the session),
 * "roundtrip" (`CustomEvent<number>`, milliseconds) and "error" (`CustomEvent<VortexError>`: a message that could
 * not be read, or a callback that failed; the console has it too, unless the event's default is prevented).
 */
declare class VortexConnection extends TypedEventTarget<ConnectionEvents> {
    #private;
    readonly uuid: string;
    readonly name: string;
    /** Whom messages go to. */
    readonly payloadIO: PayloadIO;
    /**
     * @param url - The vortex's URL; http and ws name the same place, and a relative one is relative to the page.
     * @throws TypeError if that is no URL.
     */
    constructor(url: string | URL, options?: ConnectionOptions);
    /** Where it is on its way. What is sent before it is "open" waits until it is. */
    get state(): State;
    /** What carries the line, or is being tried; null while there is none. */
    get transport(): TransportKind | null;
    /** Who answers, in its own words; while there is no line, who did last. */
    get peer(): PeerIdentity | null;
    /** How often the line came back. */
    get reconnects(): number;
    /** How often the session went on, on another connection. */
    get resumes(): number;
    /** How often another session began in the place of one that could not go on. */
    get resets(): number;
    /** What the last `ping` took, in milliseconds. */
    get roundTripMs(): number | null;
    /** When the next attempt is made, in milliseconds on the clock; null unless one is waited for. */
    get retryAtMs(): number | null;
    /** The present line's peer, or the next one's; rejects with `NotConnected` once closed. */
    get connected(): Promise<PeerIdentity>;
    /**
     * Be told of each change of state, and of transport.
     *
     * @returns What ends it.
     */
    onStateChange(callback: (state: State, connection: this) => void): () => void;
    /**
     * Be told when another session has begun: what was sent to this page in the one before may be lost.
     *
     * @returns What ends it.
     */
    onReset(callback: () => void): () => void;
    /**
     * Send a payload, after all that was sent before; without a line, when there is one again.
     *
     * @returns When it is in the queue. That is no answer yet: `request` waits for one.
     * @throws NotConnected once the connection is closed.
     * @throws EncodeError if it holds what cannot travel.
     * @throws LimitExceeded if too much waits, or it is larger than the server takes.
     */
    send(payload: Payload): Promise<void>;
    /**
     * Send a payload and wait for its answer, through any loss of the line.
     *
     * @param about - The filt, or a whole payload.
     * @throws NotConnected once the connection is closed: nothing was sent.
     * @throws ConnectionLost if it is closed meanwhile: it may have been done, or not.
     * @throws RequestTimeout if no answer came in time; without a line it may not even have been sent.
     * @throws RemoteError with the server's code and text.
     * @throws LimitExceeded if too much waits, or it is larger than the server takes.
     * @throws the signal's reason, if it says stop.
     */
    request(about: Filt | Payload, options?: RequestOptions): Promise<Payload>;
    /**
     * Have an empty message sent straight back by the server.
     *
     * @returns What that took, in milliseconds; `roundTripMs` and a "roundtrip" event tell it too.
     * @throws what `request` does.
     */
    ping(options?: Omit<RequestOptions, "tuples">): Promise<number>;
    /** Have *callback* called with each payload whose filt holds what *filt* does, until that is shut down. */
    listen(filt: Filt, callback: EndpointCallback, options?: {
        readonly signal?: AbortSignal;
    }): PayloadEndpoint;
    /**
     * Load the rows that *filt* names, and keep them current.
     *
     * @param onRows - Called whenever they have changed; or, where that is not needed, the options.
     */
    load<T extends Tuple = AnyTuple>(filt: Filt, onRows?: RowsCallback<T> | LoaderOptions<T>, options?: LoaderOptions<T>): Loader<T>;
    /**
     * Observe what an observable of the server selects.
     *
     * @param onRows - Called whenever the rows have changed.
     */
    observe<T extends Tuple = AnyTuple>(observableName: string, selector: Selector, onRows?: RowsCallback<T>, options?: ObserveOptions): Observation<T>;
    /**
     * Have an action carried out, once, through any loss of the line.
     *
     * @param name - The server's action processor.
     * @returns The tuples that it is answered with.
     * @throws what `request` does.
     */
    act(name: string, action: Tuple, options?: ActOptions): Promise<unknown[]>;
    /** Tell of a failure that no caller hears of: as an "error" event, and on the console. */
    readonly report: (error: unknown) => void;
    /**
     * Go over to another transport; "auto" begins with a WebSocket again.
     *
     * The present one carries the line until the other has taken over, and nothing is lost on the way. If that cannot be
     * opened, the line stays where it is.
     */
    useTransport(transport: TransportKind | "auto"): void;
    /** Lose the line, as if it had broken; it stays lost until `reconnect`. */
    cut(): void;
    /** Try now, unless the line is open; this also ends a `cut`. Nothing ends a `close`. */
    reconnect(): void;
    /**
     * Leave for good: no line, no timer and no listener stays, and the server forgets the session. Requests that wait
     * end with `ConnectionLost`.
     */
    close(): void;
}

/** Filt: which messages an endpoint's filt matches. */

/** The filt's key that ties an answer to its request. */
declare const MESSAGE_ID = "PayloadResponse.messageId";
/** Whether a message of *filt* goes to an endpoint of *wanted*: it has the same of everything, dicts aside. */
declare function isSubset(wanted: Filt, filt: Filt): boolean;
/** What a message is about: its filt less the messageId and the `rapui` keys, which are of one message. */
declare function aboutOf(filt: Filt): Filt;

/** Registry: which class stands for which tuple type, for everything in this page or program. */

/**
 * Have tuples of this class's type arrive as instances of it.
 *
 * A class under a name that is taken replaces the one before it, as a reloaded module's has to.
 *
 * @throws TypeError if the class does not name its type.
 */
declare function addTupleType<C extends TupleClass>(cls: C): C;
/** The class of *tupleType*; undefined where nobody has added one. */
declare function tupleClassOf(tupleType: string): TupleClass | undefined;

/** DateTime: a Date that remembers the exact text it came as, so that microseconds and plain days survive. */
/** A Date as it came over the wire, to the microsecond. */
declare class DateTime extends Date {
    #private;
    /** As it stands on the wire, as in "2026-01-02 03:04:05.000006+0000". */
    readonly text: string;
    /**
     * @param text - ISO 8601, with a blank or a T; without an offset it is UTC, without a time it is a day.
     * @throws DecodeError if it is no date.
     */
    constructor(text: string);
    /** Those of its text that a Date has no room for: 0 to 999. */
    get microseconds(): number;
}

export { ConnectionLost, DateTime, DecodeError, EncodeError, LimitExceeded, LiveView, Loader, MESSAGE_ID, NotConnected, Observation, Payload, PayloadEndpoint, PayloadIO, Prediction, RemoteError, RequestTimeout, Tuple, TypedEventTarget, VortexConnection, VortexError, aboutOf, addTupleType, defaultLimits, errorOf, isSubset, tupleClassOf, tupleTypeOf };
export type { ActOptions, AnyTuple, Clock, ConnectionEvents, ConnectionOptions, Delivery, EndpointCallback, Envelope, Filt, Key, Limits, Line, LoaderEvents, LoaderOptions, ObserveOptions, PeerIdentity, Policy, RequestOptions, ResetReason, RowStatus, RowsCallback, RowsChange, Selector, SessionReset, SessionResumed, SocketConstructor, SocketLike, State, StateChange, TransportKind, TupleClass, TypedEventTargetConstructor, ViewEvents, ViewOptions, ViewState, Waiting };

export as namespace Vortex

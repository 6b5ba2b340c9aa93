// The types of client.js, for those whose tools read them.

export type StreamState = 'CONNECTING' | 'CONNECTED' | 'RECONNECTING' | 'DISCONNECTED' | 'FAILED';
export type Mode = 'none' | 'websocket' | 'polling';
export type Quality = 'low' | 'medium' | 'high';

export declare const State: Readonly<{ [Name in StreamState]: Name }>;

/** The stream, as REST and `stateUpdate` tell it; a server may add fields. */
export interface Stream {
  isLive: boolean;
  isPaused: boolean;
  fps: number;
  targetFPS: number;
  frameCount: number;
  droppedFrames: number;
  /** Milliseconds. */
  averageRenderTime: number;
  /** Unix milliseconds. */
  startTime: number | null;
  error: string | null;
  [field: string]: unknown;
}

export interface Layer {
  id: string;
  name?: string;
  type?: string;
  visible: boolean;
  zIndex: number;
  opacity: number;
  transform?: object;
  content?: { type: string; source?: string; data?: Record<string, unknown> };
  /** `background`, `overlay` or `quadrant:N`. */
  slot?: string;
  version?: number;
}

export interface ChatMessage {
  id: string;
  user: { id: string; name: string; role: string };
  text: string;
  highlighted: boolean;
  /** Unix milliseconds. */
  timestamp: number;
  clientMsgId?: string;
}

export interface Present {
  count: number;
  users: { id: string; name: string; status: 'online' | 'away' }[];
}

export interface PreviewConfig {
  width: number;
  height: number;
  fps: number;
  quality: Quality;
  [field: string]: unknown;
}

/** A picture of the preview. */
export interface Frame {
  number: number;
  /** Unix milliseconds. */
  timestamp: number;
  format: 'png' | 'jpeg';
  bytes: Uint8Array;
}

/** Anything the server sends. */
export interface Message {
  type: string;
  version?: number;
  epoch?: string;
  timestamp?: number;
  [field: string]: any;
}

/** What events carry in `detail`; types of messages that are not named here carry the message. */
export interface Events {
  stateChange: { state: StreamState; attempt: number; delayMs: number; mode: Mode };
  open: Record<string, never>;
  close: { code: number; reason: string; clean: boolean };
  error: { message: string };
  reconnect: { attempt: number; delayMs: number };
  message: Message;
  raw: { direction: 'in' | 'out'; text: string };
  poll: { data: Stream; version: number; epoch: string; [field: string]: unknown };
  frame: Frame;
}

export interface Options {
  /** Of the WebSocket; by default `/api/stream/ws` of the page's own server. */
  url?: string;
  /** Channels, comma-separated: state, preview, layers, chat. */
  target?: string;
  /** Subprotocols to offer. */
  protocols?: string[];
  /** Sent as a subprotocol, and as a bearer token when polling. */
  token?: string;
  /** Asked when the token has run out. */
  getToken?: (() => string | Promise<string>) | null;
  /** Polled while there is no WebSocket; by default of the same server. */
  statusUrl?: string;
  /** The same, for the preview; by default `frame` there. */
  frameUrl?: string;
  /** Another implementation; `null`: there is none, and it polls. */
  WebSocket?: (new (url: string | URL, protocols?: string | string[]) => any) | null;
}

/** The delay before attempt n (from 0) in milliseconds, before it is spread. */
export declare function backoff(attempt: number): number;

/** Where this page's own server has its WebSocket. */
export declare function defaultUrl(location?: Location): string;

/** A binary frame; `null`: it is none. */
export declare function decodeFrame(buffer: ArrayBuffer): Frame | null;

export declare class StreamClient extends EventTarget {
  constructor(options?: Options);

  readonly state: StreamState;
  readonly mode: Mode;
  readonly attempt: number;
  readonly delayMs: number;
  readonly stream: Stream | null;
  readonly layers: Map<string, Layer>;
  readonly chat: ChatMessage[];
  /** The id of the pinned message. */
  readonly pinned: string | null;
  readonly present: Present;
  readonly config: PreviewConfig | null;
  readonly version: number | null;
  readonly epoch: string | null;
  /** Whether all that was missed while it was away has come; `null`: it was not away. */
  readonly recovered: boolean | null;
  url: string;
  target: string;
  protocols: string[];
  token: string;
  getToken: Options['getToken'];
  statusUrl: string;
  frameUrl: string;
  WebSocket: Options['WebSocket'];

  /** Calls `handler` with the data of every such event; what comes back ends that. */
  on<Type extends keyof Events>(type: Type, handler: (detail: Events[Type]) => void): () => void;
  on(type: string, handler: (message: Message) => void): () => void;
  /** Connects, and stays connected until `close`. While it waits for its next attempt: makes it now. */
  open(): void;
  /** Ends it, retries and timers included. */
  close(): void;
  /** Sends an object as JSON, or a string as it is. `false` if there is no connection; so do all that send. */
  send(message: object | string): boolean;
  /** Asks for the whole state of every subscribed channel. */
  resync(): boolean;
  updateQuality(quality: Quality, more?: { encoding?: 'json' | 'binary'; format?: 'png' | 'jpeg' }): boolean;
  control(action: 'start' | 'stop' | 'pause' | 'resume'): boolean;
  setLayer(id: string, fields: Partial<Layer> & { expectedVersion?: number }): boolean;
  say(text: string, more?: { highlighted?: boolean; user?: object; clientMsgId?: string }): boolean;
  setPresence(status: 'online' | 'away', name?: string): boolean;
  moderate(
    action: 'delete' | 'timeout' | 'ban' | 'unban' | 'slowMode' | 'clear' | 'pin',
    fields?: { messageId?: string; userId?: string; durationSeconds?: number; reason?: string },
  ): boolean;
  /** Measures the way there and back, in milliseconds; fails without a pong. */
  ping(timeoutMs?: number): Promise<number>;
}

import type { ProtocolName } from './protocols.ts';
import type { StreamKind } from './streams.ts';

/** The processes whose time is counted. */
export type Pids = { readonly server: number; readonly memcached?: number };

export type Target = {
  readonly protocol: ProtocolName;
  /** Speaks neither, but the protocol of y-websocket. */
  readonly yjs?: true;
  readonly port: number;
  readonly pids: Pids;
};

/** Seconds: before anything is counted, and while it is. */
type Length = { readonly warmUp: number; readonly seconds: number };

/** What one phase is to do; rates per second. */
export type Task = Length &
  (
    | { readonly phase: 'A1'; readonly observers: number }
    | { readonly phase: 'A2'; readonly observers: number; readonly rate: number }
    | { readonly phase: 'A3'; readonly observers: number; readonly rate: number }
    | { readonly phase: 'S'; readonly observers: number; readonly stream: StreamKind }
    | { readonly phase: 'B' }
    | { readonly phase: 'C'; readonly waiters: number; readonly spaces: number }
    | { readonly phase: 'D' }
    /** Catch-up by few who come one after another. `alike`: all ask the same; else each asks something else. */
    | { readonly phase: 'K'; readonly connections: number; readonly alike: boolean; readonly accepts?: 'br' | 'gzip' }
    /** Keys each editor types in a second; as many as arrive where nothing is said. */
    | { readonly phase: 'T'; readonly editors: number; readonly chars: number; readonly rate?: number }
    | { readonly phase: 'T.merge'; readonly chars: number; readonly behind: number }
    /** Posts go to the target, the observers are at another instance. */
    | { readonly phase: 'E'; readonly observers: number; readonly rate: number }
  );

/** One phase for the generator. `far`: the other instance. */
export type Job = Task & { readonly target: Target; readonly far?: Target };

/** What a phase found. */
export type Result = { readonly [figure: string]: number };

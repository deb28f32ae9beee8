import type { Content, Fork, LogConfig, Producer } from './state.ts';

/** What only the server itself asks of a log: no JSON that a client sends is one of these. */
export class LogRequest {
  /** Of no other life of the item than this. */
  readonly born?: number;
  readonly create?: LogConfig;
  /** With `create`, what the log begins with. */
  readonly content?: Content;
  readonly close?: boolean;
  readonly producer?: Producer;
  readonly seq?: string;
  /** Content type of what is sent. */
  readonly type?: string;
  /** What a log that was created as `pending` begins with. */
  readonly fills?: boolean;
  readonly touch?: boolean;
  readonly ref?: Fork;
  /** With `ref`: the fork begins after so many messages. */
  readonly from?: number;
  readonly unref?: readonly string[];
  readonly gone?: boolean;

  constructor(fields: LogFields) {
    Object.assign(this, fields);
  }
}

export type LogFields = { readonly [field in keyof LogRequest]?: LogRequest[field] | undefined };

/** Why a request to a log was refused. */
export type LogRefusal =
  | { readonly reason: 'absent' | 'gone' | 'differs' | 'closed' | 'type' | 'seq' | 'badEpoch' | 'full' | 'filled' }
  | { readonly reason: 'staleEpoch'; readonly epoch: number }
  | { readonly reason: 'gap'; readonly expected: number; readonly received: number };

/** What is told of an accepted request, or of one that changes nothing. */
export type LogOutcome = {
  readonly nextIndex: number;
  readonly closed?: boolean;
  /** It was there already, as it is wanted. */
  readonly existed?: boolean;
  /** Sent before; the highest seq of its producer. */
  readonly duplicate?: number;
  /** Forks that are left. */
  readonly forks?: number;
};

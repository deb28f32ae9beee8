import type { GetUpdatesResponse } from '../protocol/get-updates.ts';
import type { PostUpdateRequest, PostUpdateResponse } from '../protocol/post-update.ts';
import type { Question } from './transport.ts';

/** One connection over which answers come by themselves. */
export interface Channel {
  /** Answers come from this question on; without one none do. What still comes of an earlier one is not told any more. */
  follow(question: Question | undefined): void;
  /** `undefined`: it does not carry posts, or not now. */
  post(request: PostUpdateRequest): Promise<PostUpdateResponse> | undefined;
  /** Nothing is told after it. */
  close(): void;
}

/** Who is told what comes over a channel. */
export interface Sink {
  /** Something has come, if only a sign of life. */
  heard(): void;
  answer(answer: GetUpdatesResponse): void;
  /** A fresh marker without news. */
  moved(marker: string): void;
  /** It has ended as it had to; it can be followed again after so many ms. */
  rested(afterMs: number): void;
  /** It is over. */
  failed(error: unknown): void;
}

/** Begins to open one that follows `question`. The sink is told nothing before this returns. */
export type OpenChannel = (sink: Sink, question: Question) => Channel;

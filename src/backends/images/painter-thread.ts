import { parentPort } from 'node:worker_threads';
import { must } from '../../base/assert.ts';
import type { PaintJob } from '../../ports/painters.ts';
import { paint } from './paint.ts';

export type Message = { readonly painted: unknown } | { readonly failed: string };

const port = must(parentPort, 'this runs as a thread');

port.on('message', (job: PaintJob) => {
  paint(job).then(
    (painted) => port.postMessage({ painted } satisfies Message),
    (error: unknown) => port.postMessage({ failed: String(error) } satisfies Message),
  );
});

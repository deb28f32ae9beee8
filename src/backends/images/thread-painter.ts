import { Worker } from 'node:worker_threads';
import type { Painted, Painter, PaintJob } from '../../ports/painters.ts';
import type { Message } from './painter-thread.ts';

/** The source runs as it is, the package as it was built. */
const THREAD = new URL(`./painter-thread${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** A painter on a thread of its own, which keeps no process alive while it has nothing to do. */
export function createThreadPainter(): Painter {
  const worker = new Worker(THREAD);
  let settle: ((message: Message) => void) | undefined;
  const over = (message: Message): void => {
    worker.unref();
    settle?.(message);
    settle = undefined;
  };
  worker.on('message', over);
  worker.on('error', (error) => over({ failed: `the thread failed: ${String(error)}` }));
  worker.on('exit', () => over({ failed: 'the thread has ended' }));
  worker.unref();
  return {
    run<Job extends PaintJob>(job: Job): Promise<Painted<Job>> {
      return new Promise((resolve, reject) => {
        settle = (message) =>
          'failed' in message ? reject(new Error(message.failed)) : resolve(message.painted as Painted<Job>);
        worker.ref();
        worker.postMessage(job);
      });
    },
    async end() {
      await worker.terminate();
    },
  };
}

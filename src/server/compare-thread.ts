import { parentPort } from 'node:worker_threads';
import { compared } from '../kinds/text/diff.ts';

parentPort?.on('message', ([before, after]: readonly [string, string]) => {
  parentPort?.postMessage('begun');
  parentPort?.postMessage(compared({ from: 0, before, after }));
});

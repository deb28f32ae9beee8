/** Makes the load of one phase, given as JSON, and prints what it found. Runs in a process of its own. */
import { crossing, moderate, overload, saturate } from './load/fan-out-phases.ts';
import type { Job, Result } from './load/job.ts';
import { askAgain, catchUp, idle, post } from './load/other-phases.ts';
import { saturateStreams } from './load/stream-phases.ts';
import { edit, merge } from './load/text-phases.ts';

function run(job: Job): Promise<Result> {
  switch (job.phase) {
    case 'A1':
      return saturate(job);
    case 'A2':
      return moderate(job);
    case 'A3':
      return overload(job);
    case 'S':
      return saturateStreams(job);
    case 'B':
      return post(job);
    case 'C':
      return idle(job);
    case 'D':
      return catchUp(job);
    case 'K':
      return askAgain(job);
    case 'E':
      return crossing(job);
    case 'T':
      return edit(job);
    case 'T.merge':
      return Promise.resolve(merge(job));
  }
}

console.log(JSON.stringify(await run(JSON.parse(process.argv[2] ?? '') as Job)));
process.exit(0);

import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** CPU time of a process so far, all its threads, microseconds. 0 where /proc does not tell. */
export function cpuOf(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return 0;
  let ns = 0;
  for (const task of readdirSync(tasks)) {
    try {
      ns += Number(readFileSync(`${tasks}/${task}/schedstat`, 'latin1').split(' ')[0]);
    } catch {
      // a thread that has ended
    }
  }
  return ns / 1_000;
}

/** Resident memory of a process, bytes. */
export function residentOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

const TICK_US = 10_000;

/** Time that a core was busy so far, microseconds, in steps of 10 ms. Includes what a hypervisor took. */
export function busyOf(core: number): number {
  if (!existsSync('/proc/stat')) return 0;
  const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? '';
  const [user = 0, nice = 0, system = 0, _idle, _iowait, irq = 0, softirq = 0, steal = 0] = line.split(' ').map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK_US;
}

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Two benchmarks at once would measure each other. Throws while the process that holds the file is alive; returns the release. */
export function takeLock(file: string): () => void {
  mkdirSync(dirname(file), { recursive: true });
  const holder = Number(readIfThere(file));
  if (holder > 0 && isAlive(holder)) throw new Error(`another benchmark is running here: process ${holder}`);
  writeFileSync(file, String(process.pid));
  return () => rmSync(file, { force: true });
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

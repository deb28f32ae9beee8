#!/usr/bin/env node
// Starts the command line: in a checkout the source itself, which Node runs as it is from version 24 on, in a package, which has
// no source, the built one. A checkout may have been built long ago, so what is built is not looked at there.
// This file has to parse on much older versions, so that they can say what is wrong.
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NEEDED = 24;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const pinned = join(root, 'node_modules', 'node', 'bin', 'node');

function startHere() {
  silenceExperiments();
  const source = join(root, 'src', 'cli', 'main.ts');
  const main = existsSync(source) ? source : join(root, 'dist', 'cli', 'main.js');
  return import(pathToFileURL(main).href);
}

/** As `--disable-warning=ExperimentalWarning` does, which would take a second process. Node itself warns by this function, too. */
function silenceExperiments() {
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, options, ...more) => {
    const type = warning instanceof Error ? warning.name : (options?.type ?? options);
    if (type !== 'ExperimentalWarning') emitWarning.call(process, warning, options, ...more);
  };
}

/** Runs this file again on the Node that a checkout carries, and ends as that one ends. */
function startOn(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
    // A terminal sends its interrupt to both processes by itself.
    process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY ? undefined : child.kill(signal)));
  }
  child.on('error', (error) => {
    console.error(`longshore: cannot start ${node}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exit(code);
    } else {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
  });
}

if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  await startHere();
} else if (existsSync(pinned) && realpathSync(pinned) !== realpathSync(process.execPath)) {
  startOn(pinned);
} else {
  console.error(
    `longshore needs Node ${NEEDED} or newer; this is Node ${process.versions.node}.\n` +
      `Install it from https://nodejs.org, or run: npx --package node@${NEEDED} --package longshore longshore`,
  );
  process.exitCode = 1;
}

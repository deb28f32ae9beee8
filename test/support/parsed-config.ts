import assert from 'node:assert/strict';
import { type Config, parseConfig } from '../../src/server/config.ts';

export type Env = Record<string, string>;

export function configOf(env: Env, flags: Env = {}): Config {
  const outcome = parseConfig(env, flags);
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return outcome.config;
}

export function problemsOf(env: Env, flags: Env = {}): readonly string[] {
  const outcome = parseConfig(env, flags);
  return outcome.ok ? [] : outcome.problems;
}

import { BUDGETS, type Budget, DEFAULT_LIMITS, type LimitsConfig, NO_LIMITS } from '../core/limits/limits-config.ts';
import { SettingError } from './backend-urls.ts';

const MIB = 1024 * 1024;
const MAX_VALUE = 1_000_000_000;

/** What `LONGSHORE_LIMITS` may name besides the budgets, and where it goes. */
const OTHERS = {
  addressFactor: (value) => ({ addressFactor: value }),
  parkedEach: (value) => ({ parkedEach: value }),
  parked: (value) => ({ parked: value }),
  posts: (value) => ({ posts: value }),
  reads: (value) => ({ reads: value }),
  resyncs: (value) => ({ resyncs: value }),
  bodyMiB: (value) => ({ bodyBytes: value * MIB }),
  transferMiB: (value) => ({ transferBytes: value * MIB }),
  answerMiB: (value) => ({ answerBytes: value * MIB }),
  spaceMiB: (value) => ({ spaceBytes: value * MIB }),
} as const satisfies { readonly [name: string]: (value: number) => Partial<LimitsConfig> };

const NAMES = [...BUDGETS, ...Object.keys(OTHERS)];

/** `off`, or a comma list like `post=500,reads=50`: what is not named has its default. */
export function parseLimits(text: string): LimitsConfig {
  if (text === 'off') return NO_LIMITS;
  let limits = DEFAULT_LIMITS;
  const seen = new Set<string>();
  for (const part of text.split(',')) {
    const [name = '', digits = ''] = part.trim().split('=');
    const value = /^\d{1,10}$/.test(digits) ? Number(digits) : 0;
    if (!NAMES.includes(name) || seen.has(name) || value < 1 || value > MAX_VALUE) {
      throw new SettingError(`must be off, or a comma list of NAME=COUNT, each once, from 1, of ${NAMES.join(', ')}`);
    }
    seen.add(name);
    limits = isBudget(name)
      ? { ...limits, budgets: { ...limits.budgets, [name]: value } }
      : { ...limits, ...OTHERS[name as keyof typeof OTHERS](value) };
  }
  return limits;
}

function isBudget(name: string): name is Budget {
  return (BUDGETS as readonly string[]).includes(name);
}

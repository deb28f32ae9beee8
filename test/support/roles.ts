import { type Access, CheckedAccess, OPEN_ACCESS } from '../../src/auth/access.ts';
import { makeApiKey } from '../../src/auth/api-keys.ts';
import { Identities } from '../../src/auth/identities.ts';
import { iapIssuer } from '../../src/auth/issuers.ts';
import { readMembers } from '../../src/auth/permissions.ts';
import { HeldPolicies } from '../../src/auth/policies.ts';
import { grantsOf, ScriptedPolicies } from './callers.ts';
import { FakeClock } from './clocks.ts';
import { RecordedLog } from './recorded-log.ts';
import { TokenIssuer } from './token-issuer.ts';

/** What a role may do in the space `board`, which is there, and how its rights come about. */
export const ROLES = {
  stranger: { brings: {}, member: '' },
  elsewhere: { brings: { 'other-*': 'rwla' }, member: '' },
  reader: { brings: { 'bo*': 'r' }, member: '' },
  writer: { brings: { board: 'rw' }, member: '' },
  locker: { brings: { board: 'rl' }, member: '' },
  admin: { brings: { '*': 'a' }, member: '' },
  memberReader: { brings: {}, member: 'r' },
  memberWriter: { brings: {}, member: 'rw' },
  memberAdmin: { brings: {}, member: 'rwla' },
} as const;
export type Role = keyof typeof ROLES;

export const AUTH_MODES = ['none', 'jwt', 'key', 'iap'] as const;
export type Mode = (typeof AUTH_MODES)[number];

type Headers = { readonly [name: string]: string };

/** One mode with a credential for each role, and some that do not hold. */
export type Cast = {
  readonly access: Access;
  readonly clock: FakeClock;
  readonly policies: ScriptedPolicies;
  readonly held: HeldPolicies;
  readonly headers: (role: Role) => Headers;
  readonly bad: readonly Headers[];
};

export async function castRoles(mode: Mode): Promise<Cast> {
  const clock = new FakeClock();
  const policies = new ScriptedPolicies();
  const held = new HeldPolicies(policies, clock);
  const roles = Object.keys(ROLES) as Role[];
  const log = new RecordedLog();
  const app = await TokenIssuer.create(mode === 'iap' ? iapIssuer('/projects/7/apps/mine', []) : {});
  const keys = roles.map((role) => ({ role, ...makeApiKey() }));
  const entries = keys.map(({ role, sha256 }) => {
    return { name: role, sha256: Buffer.from(sha256, 'hex'), spaces: grantsOf(ROLES[role].brings) };
  });
  const sources = { jwt: { issuers: [app.issuer] }, iap: { issuers: [app.issuer] }, key: { keys: entries }, none: {} };
  const access = new CheckedAccess(new Identities({ clock, log, fetch: app.fetch, ...sources[mode] }), held, clock);
  const prefix = { jwt: 'app', iap: 'iap', key: 'key', none: 'none' }[mode];
  const members = Object.fromEntries(roles.map((role) => [`${prefix}:${role}`, ROLES[role].member]));
  policies.spaces.set('board', { exists: true, members: readMembers({ members }) });

  const tokens = new Map<Role, string>();
  for (const role of roles) tokens.set(role, await app.sign({ sub: role, spaces: ROLES[role].brings }));
  const expired = await app.sign({ exp: 1_600_000_000, spaces: { '*': 'rwla' } });
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
  const assertion = (token: string) => ({ 'X-Goog-IAP-JWT-Assertion': token });
  const wrong = [
    bearer('nonsense'),
    bearer('a.b.c'),
    bearer(expired),
    bearer(makeApiKey().key),
    { Authorization: 'Bearer' },
  ];
  const keyOf = (role: Role) => keys.find((one) => one.role === role)?.key ?? '';
  const headers = (role: Role): Headers => {
    if (mode === 'none') return {};
    if (mode === 'key') return bearer(keyOf(role));
    return mode === 'iap' ? assertion(tokens.get(role) ?? '') : bearer(tokens.get(role) ?? '');
  };
  const bad = mode === 'iap' ? [...wrong, assertion('x.y.z'), assertion(expired)] : wrong;
  return { access: mode === 'none' ? OPEN_ACCESS : access, clock, policies, held, headers, bad };
}

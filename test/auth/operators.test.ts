import assert from 'node:assert/strict';
import type { JWTPayload } from 'jose';
import { serviceAccountIssuer } from '../../src/auth/issuers.ts';
import { createServiceAccountCheck } from '../../src/auth/operators.ts';
import { makeApp, send } from '../api/fixture.ts';
import { FakeClock } from '../support/clocks.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { TokenIssuer } from '../support/token-issuer.ts';

const AUDIENCE = 'https://longshore.example/internal/sweep';
const EMAIL = 'cron@my-project.iam.gserviceaccount.com';
const GOOD = { email: EMAIL, email_verified: true, sub: '112233' };

describe('service accounts', () => {
  let google: TokenIssuer;
  let check: (rawHeaders: readonly string[]) => Promise<boolean>;

  beforeEach(async () => {
    google = await TokenIssuer.create(serviceAccountIssuer(AUDIENCE), 'RS256');
    const options = { clock: new FakeClock(), log: new RecordedLog(), fetch: google.fetch };
    check = createServiceAccountCheck({ audience: AUDIENCE, emails: [EMAIL] }, options);
  });

  const bearer = (token: string) => ['Authorization', `Bearer ${token}`];

  it('[AU70] the token of a listed account, for this audience, opens the routes of operators', async () => {
    assert.equal(await check(bearer(await google.sign(GOOD))), true);
    const { listener } = makeApp({ internal: { locally: false, onAppEngine: false, isServiceAccount: check } });
    const headers = { Authorization: `Bearer ${await google.sign(GOOD)}` };
    for (const path of ['/internal/sweep', '/metrics']) {
      assert.equal((await send(listener, { path, headers })).status, 200);
      assert.equal((await send(listener, { path })).status, 404);
    }
  });

  const bad: readonly (readonly [what: string, claims: JWTPayload])[] = [
    ['another account', { ...GOOD, email: 'eve@my-project.iam.gserviceaccount.com' }],
    ['an address that is not verified', { ...GOOD, email_verified: false }],
    ['no address', { sub: '112233' }],
    ['another audience', { ...GOOD, aud: 'https://longshore.example' }],
    ['another issuer', { ...GOOD, iss: 'https://evil.example' }],
    ['an ended token', { ...GOOD, exp: 1_600_000_000 }],
  ];
  for (const [what, claims] of bad) {
    it(`[AU70] ${what} does not`, async () => assert.equal(await check(bearer(await google.sign(claims))), false));
  }

  it('[AU70] nor does nonsense, nothing, or a token while the keys cannot be had', async () => {
    for (const headers of [[], ['Authorization', 'Basic x'], bearer('x'), [...bearer('x'), ...bearer('y')]]) {
      assert.equal(await check(headers), false);
    }
    google.broken = () => Response.json({}, { status: 500 });
    assert.equal(await check(bearer(await google.sign(GOOD))), false);
  });
});

import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  errors,
  type FetchImplementation,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { ProblemError } from '../protocol/errors.ts';
import { type Caller, NotIdentified } from './caller.ts';
import { subjectOf } from './credentials.ts';
import type { Issuer } from './issuers.ts';
import { ALL_RIGHTS, PATTERN_RULE, RIGHTS_RULE, readGrants } from './permissions.ts';

/** How far the clocks of issuers and ours may be apart. */
const TOLERANCE_S = 30;
const JWKS_TIMEOUT_MS = 3_000;
/** Between two looks for a key that is not known: whoever invents key names does not make us call the issuer each time. */
const JWKS_COOLDOWN_MS = 30_000;
const JWKS_AGE_MS = 600_000;
/** An issuer that did not answer is left alone for so long. */
const JWKS_PAUSE_MS = 2_000;

export type TokenOptions = { readonly clock: Clock; readonly log: Log; readonly fetch?: FetchImplementation };

/** The issuer's keys cannot be had: no fault of the token. */
class KeysUnavailable extends Error {}

/** Verifies the tokens of one issuer. What a token says about its own key (`jku`, `x5u`, `jwk`) is never looked at. */
export class TokenVerifier {
  readonly issuer: Issuer;
  readonly #options: TokenOptions;
  readonly #key: JWTVerifyGetKey;
  /** Monotonic, ms. */
  #pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(issuer: Issuer, options: TokenOptions) {
    this.issuer = issuer;
    this.#options = options;
    this.#key = this.#keyOf(issuer);
  }

  /** Rejects with `NotIdentified` where the token does not hold, with 503 where that cannot be known now. */
  async verify(token: string): Promise<JWTPayload & { readonly sub: string; readonly exp: number }> {
    const { issuer, audiences, algorithms, authTime } = this.issuer;
    const nowS = Math.floor(this.#options.clock.now() / 1_000);
    let claims: JWTPayload;
    try {
      const { payload } = await jwtVerify(token, this.#key, {
        issuer,
        audience: [...audiences],
        algorithms: [...algorithms],
        clockTolerance: TOLERANCE_S,
        requiredClaims: ['iss', 'aud', 'sub', 'exp'],
        currentDate: new Date(nowS * 1_000),
      });
      claims = payload;
    } catch (error) {
      throw this.#refusal(error);
    }
    const { sub, exp = 0, auth_time } = claims;
    if (typeof sub !== 'string' || sub.trim() === '')
      throw new NotIdentified('the claim sub of the token is empty', true);
    if (authTime && !(typeof auth_time === 'number' && auth_time <= nowS + TOLERANCE_S)) {
      throw new NotIdentified('the claim auth_time of the token must be in the past', true);
    }
    return { ...claims, sub, exp };
  }

  async identify(token: string): Promise<Caller> {
    const { name, spaces } = this.issuer;
    const { sub, exp, spaces: claimed = {} } = await this.verify(token);
    const grants = readGrants(claimed);
    if (grants === undefined) {
      throw new NotIdentified(`the claim spaces of the token must map ${PATTERN_RULE} to ${RIGHTS_RULE}`, true);
    }
    const untilMs = (exp + TOLERANCE_S) * 1_000;
    return { subject: subjectOf(name, sub), grants: [...spaces, ...grants], untilMs, cap: ALL_RIGHTS };
  }

  #keyOf({ key, name }: Issuer): JWTVerifyGetKey {
    if (key.source === 'public') return async () => key.key;
    if (key.source === 'secret') {
      const secret = new TextEncoder().encode(key.secret);
      return async () => secret;
    }
    const { clock, log, fetch } = this.#options;
    const remote = createRemoteJWKSet(new URL(key.url), {
      timeoutDuration: JWKS_TIMEOUT_MS,
      cooldownDuration: JWKS_COOLDOWN_MS,
      cacheMaxAge: JWKS_AGE_MS,
      ...(fetch && { [customFetch]: fetch }),
    });
    return async (header, token) => {
      if (clock.monotonic() < this.#pausedUntil) throw new KeysUnavailable();
      try {
        return await remote(header, token);
      } catch (error) {
        if (isAboutToken(error)) throw error;
        this.#pausedUntil = clock.monotonic() + JWKS_PAUSE_MS;
        log.warn({ issuer: name, error }, 'the keys of an issuer cannot be fetched');
        throw new KeysUnavailable();
      }
    };
  }

  #refusal(error: unknown): Error {
    if (error instanceof KeysUnavailable) {
      const detail = `the keys of the issuer ${this.issuer.name} cannot be fetched`;
      return new ProblemError('identityUnavailable', detail, { retryAfterMs: JWKS_PAUSE_MS });
    }
    // Whatever else a token makes jose or the crypto below it throw: the token is what is wrong.
    return new NotIdentified(describe(error, this.issuer), true, error);
  }
}

function isAboutToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
}

/** What was wrong, in words of our own: messages of libraries may repeat parts of a token. */
function describe(error: unknown, { algorithms }: Issuer): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = error;
    if (claim === 'nbf' && reason === 'check_failed') return 'the token is not valid yet';
    return `the claim ${claim} of the token is ${reason === 'missing' ? 'missing' : 'not the expected one'}`;
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return `the token must be signed with ${algorithms.join(' or ')}`;
  if (error instanceof errors.JWKSNoMatchingKey) return 'the issuer has no such key as the token names';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'the signature of the token does not hold';
  return 'the token is not valid';
}

/** `iss` of a token that nobody has verified yet: only chooses who verifies it. */
export function claimedIssuer(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

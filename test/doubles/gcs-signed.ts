import { createHash, createVerify, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GcsError, type GcsObjects } from './gcs-objects.ts';
import type { Answer, Call } from './gcs-server.ts';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const ACCOUNT = {
  type: 'service_account',
  project_id: 'test-project',
  client_email: 'signer@test-project.iam.gserviceaccount.com',
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
};
const VARIABLE = 'GOOGLE_APPLICATION_CREDENTIALS';

/** Until the function that it returns is called, this process has the key of the account whose signatures the double takes, where the client library looks for it. */
export function lendSigner(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-signer-'));
  const path = join(folder, 'key.json');
  writeFileSync(path, JSON.stringify(ACCOUNT), { mode: 0o600 });
  const before = process.env[VARIABLE];
  process.env[VARIABLE] = path;
  return () => {
    if (before === undefined) delete process.env[VARIABLE];
    else process.env[VARIABLE] = before;
    rmSync(folder, { recursive: true });
  };
}

/** `encodeURIComponent` leaves a few characters that the service wants encoded. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** Stands for the part of the XML API that signed URLs (V4) reach: the signature is checked, then the conditions that were signed. */
export class GcsSignedUrls {
  readonly #objects: GcsObjects;

  constructor(objects: GcsObjects) {
    this.#objects = objects;
  }

  /** `undefined`: the request is none of a signed URL. */
  route(call: Call): Answer | undefined {
    if (!call.query.has('X-Goog-Signature')) return undefined;
    this.#verify(call);
    const prefix = `/${this.#objects.bucket}/`;
    if (!call.path.startsWith(prefix)) throw new GcsError(404, 'notFound', 'The specified bucket does not exist.');
    const name = decodeURIComponent(call.path.slice(prefix.length));
    if (call.method === 'PUT') return this.#put(name, call);
    if (call.method === 'GET') return this.#get(name, call);
    throw new GcsError(405, 'methodNotAllowed', `This double does not know ${call.method} of a signed URL`);
  }

  #verify({ method, path, query, headers }: Call): void {
    const signed = query.get('X-Goog-SignedHeaders') ?? '';
    const date = query.get('X-Goog-Date') ?? '';
    const lines = signed.split(';').map((name) => {
      // The library signs the host without its port.
      const value = name === 'host' ? String(headers.host).replace(/:\d+$/, '') : headers[name];
      if (value === undefined) throw new GcsError(400, 'malformed', `The header ${name} was signed and is missing`);
      return `${name}:${value}\n`;
    });
    const pairs = [...query].filter(([name]) => name !== 'X-Goog-Signature');
    const canonicalQuery = pairs
      .map(([name, value]) => [encode(name), encode(value)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map((pair) => pair.join('='))
      .join('&');
    const canonical = [method, path, canonicalQuery, lines.join(''), signed, 'UNSIGNED-PAYLOAD'].join('\n');
    const scope = (query.get('X-Goog-Credential') ?? '').split('/').slice(1).join('/');
    const digest = createHash('sha256').update(canonical).digest('hex');
    const text = ['GOOG4-RSA-SHA256', date, scope, digest].join('\n');
    const signature = Buffer.from(query.get('X-Goog-Signature') ?? '', 'hex');
    if (!createVerify('RSA-SHA256').update(text).verify(publicKey, signature)) {
      throw new GcsError(403, 'signatureDoesNotMatch', 'The signature does not match');
    }
    const began = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)(\d\dZ)$/, '$1-$2-$3:$4:$5'));
    if (!(Date.now() <= began + 1000 * Number(query.get('X-Goog-Expires')))) {
      throw new GcsError(400, 'expiredToken', 'The URL has expired');
    }
    // What was not signed may not be there: it would change what the URL may do.
    const extra = Object.keys(headers).find((name) => name.startsWith('x-goog-') && !signed.split(';').includes(name));
    if (extra !== undefined) throw new GcsError(400, 'malformed', `The header ${extra} was not signed`);
  }

  #put(name: string, { headers, body }: Call): Answer {
    const range = /^(\d+),(\d+)$/.exec(String(headers['x-goog-content-length-range'] ?? ''));
    if (range !== null && (body.length < Number(range[1]) || body.length > Number(range[2]))) {
      throw new GcsError(400, 'entityTooLarge', 'The length is outside of the range');
    }
    const upload = { contentType: headers['content-type'] ?? 'application/octet-stream' };
    this.#objects.insert(name, body, upload, headers['x-goog-if-generation-match']?.toString() ?? null);
    return { status: 200, body: Buffer.alloc(0) };
  }

  #get(name: string, { query }: Call): Answer {
    const stored = this.#objects.read(name, null);
    const disposition = query.get('response-content-disposition');
    return {
      status: 200,
      headers: {
        'content-type': query.get('response-content-type') ?? stored.contentType,
        ...(disposition === null ? {} : { 'content-disposition': disposition }),
      },
      body: stored.bytes,
    };
  }
}

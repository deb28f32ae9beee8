import { NoAnswerError } from './errors.ts';

/** A token, or where to get one: asked again when the server no longer takes the last one. */
export type Token = string | (() => string | Promise<string>);

export class Credentials {
  readonly #token: Token | undefined;
  #current: Promise<string> | undefined;

  constructor(token: Token | undefined) {
    this.#token = token;
  }

  /** Whether another token may come where one was refused. */
  get mayChange(): boolean {
    return typeof this.#token === 'function';
  }

  async get(): Promise<string | undefined> {
    if (typeof this.#token !== 'function') return this.#token;
    this.#current ??= Promise.resolve().then(this.#token);
    const asked = this.#current;
    try {
      return await asked;
    } catch (cause) {
      if (this.#current === asked) this.#current = undefined;
      throw new NoAnswerError('whoever gives the token', cause);
    }
  }

  /** `refused` is not taken any more. Requests that were refused together ask for one new token. */
  async renew(refused: string | undefined): Promise<string | undefined> {
    if ((await this.get()) === refused) this.#current = undefined;
    return this.get();
  }
}

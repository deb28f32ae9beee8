class Dead extends Error {}

/** A process that dies at one of its calls: before it is carried out, or after, without hearing of it. */
export class Mortal {
  readonly #at: number;
  readonly #when: 'before' | 'after';
  #calls = 0;
  isDead = false;

  constructor(at: number, when: 'before' | 'after') {
    this.#at = at;
    this.#when = when;
  }

  async call<T>(action: () => Promise<T>): Promise<T> {
    const isLast = ++this.#calls === this.#at;
    if (isLast && this.#when === 'before') this.isDead = true;
    if (this.isDead) throw new Dead('the process is dead');
    const result = await action();
    if (isLast) this.isDead = true;
    if (this.isDead) throw new Dead('the process is dead');
    return result;
  }
}

/** A backend as that process sees it. All of its methods are calls. */
export function mortal<Backend extends object>(backend: Backend, life: Mortal): Backend {
  return new Proxy(backend, {
    get(target, name) {
      const method = Reflect.get(target, name) as unknown;
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => life.call(() => Reflect.apply(method, target, args) as Promise<unknown>);
    },
  });
}

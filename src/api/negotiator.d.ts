/** What is used of it. Its published types lack `preferred`. */
declare module 'negotiator' {
  export class Negotiator {
    constructor(request: { readonly headers: { readonly [name: string]: string } });
    /** The best of `available` by `Accept-Encoding`; of those that are as welcome, the first in `preferred`. */
    encoding(available: readonly string[], options: { readonly preferred: readonly string[] }): string | undefined;
  }
}

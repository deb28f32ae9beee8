/** What floor C uses of memjs besides what the server uses. */
declare module 'memjs' {
  export class Client {
    static create(servers: string): Client;
    get(key: string): Promise<{ readonly value: Buffer | null }>;
    set(key: string, value: string, options: { readonly expires: number }): Promise<boolean>;
  }
}

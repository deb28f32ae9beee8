/** Where the server is when nobody says. */
export function defaultUrl(): string {
  return process.env.LONGSHORE_URL ?? `http://127.0.0.1:${process.env.PORT ?? 8080}`;
}

export const HTTP_URL = 'It must begin with http:// or https://.';

export function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

import type { PubsubMessage } from './pubsub-driver.ts';

/** With the longest names, 130 KB; the service takes 10 MB in all and 1,000 messages per request. */
const MAX_SPACES = 1_000;

/** The spaces that changed, in as many messages as they need. `from` names the instance. */
export function encodeHints(from: string, spaces: readonly string[]): PubsubMessage[] {
  const messages: PubsubMessage[] = [];
  for (let first = 0; first < spaces.length; first += MAX_SPACES) {
    const data = Buffer.from(JSON.stringify(spaces.slice(first, first + MAX_SPACES)));
    messages.push({ data, attributes: { from } });
  }
  return messages;
}

/** Nothing for messages of the instance itself and for what is no message of ours: anybody with the right may publish. */
export function decodeHints(own: string, { data, attributes }: PubsubMessage): readonly string[] {
  if (attributes.from === own) return [];
  try {
    const spaces: unknown = JSON.parse(data.toString());
    return Array.isArray(spaces) ? spaces.filter((space) => typeof space === 'string') : [];
  } catch {
    return [];
  }
}

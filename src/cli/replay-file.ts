/** One element of a recording, to be posted as a register. */
export type Replayed = { readonly item: string; readonly value: unknown };

const CONTAINERS = ['libraryItems', 'library', 'elements'] as const;
const MAX_ID_CHARS = 128;

/**
 * The elements of a drawing library (`libraryItems`, `library`, `elements`, however nested), a JSON array, or one JSON value a
 * line. What has no id is passed over.
 */
export function readElements(text: string): Replayed[] {
  const found: Replayed[] = [];
  for (const value of parse(text)) collect(value, found);
  return found;
}

function parse(text: string): unknown[] {
  try {
    return [JSON.parse(text)];
  } catch {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    return lines.map((line, i) => {
      try {
        return JSON.parse(line);
      } catch {
        throw new Error(`this is neither JSON nor JSON lines: line ${i + 1} cannot be read`);
      }
    });
  }
}

function collect(value: unknown, found: Replayed[]): void {
  if (Array.isArray(value)) {
    for (const element of value) collect(element, found);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const members = value as { readonly [key: string]: unknown };
  const container = CONTAINERS.find((name) => Array.isArray(members[name]));
  if (container !== undefined) {
    collect(members[container], found);
    return;
  }
  const id = members.id ?? members.key_id;
  if ((typeof id === 'string' && id !== '') || typeof id === 'number')
    found.push({ item: toItemId(String(id)), value });
}

/** Characters that ids cannot have are written as `~` and their code, so that two ids stay two. */
export function toItemId(id: string): string {
  const safe = id.replace(/[^A-Za-z0-9._:-]/gu, (char) => `~${(char.codePointAt(0) ?? 0).toString(16)}`);
  return /^\.+$/.test(safe) ? `~${safe}`.slice(0, MAX_ID_CHARS) : safe.slice(0, MAX_ID_CHARS);
}

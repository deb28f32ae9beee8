/** Where unsent updates survive a reload. One owner at a time: two that share one would use the same numbers. */
export interface Storage {
  load(): string | undefined | Promise<string | undefined>;
  save(text: string): void | Promise<void>;
}

type Area = { getItem(key: string): string | null; setItem(key: string, value: string): void };

/** `sessionStorage` belongs to one tab, which is what is needed; in `localStorage` give each tab a name of its own. */
export function webStorage(area: Area, name: string): Storage {
  const key = `longshore:${name}`;
  return {
    load: () => area.getItem(key) ?? undefined,
    save: (text) => area.setItem(key, text),
  };
}

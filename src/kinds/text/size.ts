/** What a text takes: bytes in UTF-8, and bytes as a JSON string without its quotes. */
export type Size = { readonly bytes: number; readonly json: number };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Control characters with an escape of two characters: backspace, tab, line feed, form feed, carriage return. */
const SHORT = new Set([8, 9, 10, 12, 13]);

export function sizeOf(text: string): Size {
  let bytes = 0;
  let escapes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      bytes++;
      if (unit === QUOTE || unit === BACKSLASH) escapes++;
      else if (unit < 0x20) escapes += SHORT.has(unit) ? 1 : 5;
    } else if (unit < 0x800) bytes += 2;
    // Either half of a pair counts for two of its four bytes: no text here has one half alone.
    else bytes += unit >= 0xd800 && unit <= 0xdfff ? 2 : 3;
  }
  return { bytes, json: bytes + escapes };
}

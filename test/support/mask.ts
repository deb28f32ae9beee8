/**
 * The source with the inside of comments, strings, templates and regular expressions replaced by spaces. Same length,
 * same line breaks, so that an offset found in the mask can be read in the original. Code inside `${…}` stays.
 *
 * It is a scanner, not a parser: a `/` begins a regular expression when what stands before it cannot end a value.
 */
export function maskSource(text: string): string {
  const mask = text.split('');
  const templates: number[] = [];
  let depth = 0;
  let at = 0;

  const blank = (from: number, to: number): void => {
    for (let i = from; i < to; i += 1) if (mask[i] !== '\n') mask[i] = ' ';
  };

  while (at < text.length) {
    const two = text.slice(at, at + 2);
    const one = text.charAt(at);
    if (two === '//' || two === '/*') {
      const end = endOfComment(text, at);
      blank(at, end);
      at = end;
    } else if (one === '"' || one === "'") {
      const end = endOfQuoted(text, at + 1, one);
      blank(at + 1, end);
      at = end + 1;
    } else if (one === '`' || (one === '}' && templates.at(-1) === depth)) {
      if (one === '}') templates.pop();
      const end = endOfTemplatePart(text, at + 1);
      blank(at + 1, end);
      at = end + 1;
      if (text.charAt(end) === '$') {
        templates.push(depth);
        at += 1;
      }
    } else if (one === '/' && beginsRegExp(mask, at)) {
      const end = endOfRegExp(text, at + 1);
      blank(at + 1, end);
      at = end + 1;
    } else {
      if (one === '{') depth += 1;
      if (one === '}') depth -= 1;
      at += 1;
    }
  }
  return mask.join('');
}

function endOfComment(text: string, at: number): number {
  const close = text.charAt(at + 1) === '/' ? text.indexOf('\n', at) : text.indexOf('*/', at + 2) + 2;
  return close < at + 2 ? text.length : close;
}

/** Where the closing quote stands, or the end of the line that has none. */
function endOfQuoted(text: string, from: number, quote: string): number {
  let at = from;
  while (at < text.length && text.charAt(at) !== quote && text.charAt(at) !== '\n') {
    at += text.charAt(at) === '\\' ? 2 : 1;
  }
  return at;
}

/** Where the closing backtick or the `$` of `${` stands. */
function endOfTemplatePart(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charAt(at) !== '`' && text.slice(at, at + 2) !== '${') {
    at += text.charAt(at) === '\\' ? 2 : 1;
  }
  return at;
}

function endOfRegExp(text: string, from: number): number {
  let at = from;
  let inClass = false;
  while (at < text.length && text.charAt(at) !== '\n' && (inClass || text.charAt(at) !== '/')) {
    if (text.charAt(at) === '[') inClass = true;
    if (text.charAt(at) === ']') inClass = false;
    at += text.charAt(at) === '\\' ? 2 : 1;
  }
  return at;
}

function beginsRegExp(mask: readonly string[], at: number): boolean {
  const before = mask
    .slice(Math.max(0, at - 200), at)
    .join('')
    .trimEnd();
  if (before === '') return true;
  const word = /[\w$]+$/.exec(before)?.[0];
  if (word !== undefined) return ['return', 'typeof', 'case', 'in', 'of', 'void', 'await', 'yield'].includes(word);
  return !/[)\]}'"`]$/.test(before);
}

/** The 1-based line of an offset. */
export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

import type { SourceFile } from './files.ts';
import { lineOf, maskSource } from './mask.ts';

/**
 * `docs/spec.md` holds rules as `- **CA3** text`; tests cite them at the beginning of their title: `it('[CA3] …')`, or
 * several: `it('[CA3] [CA4] …')`, `it('[CA3, CA4] …')`. A title is read from the source, so the ids must be spelled in it.
 */
export type Citation = { readonly id: string; readonly place: string; readonly runs: boolean };

const RULE = /^- \*\*([^*]*)\*\* *(.*)$/;
const ID = /^[A-Z]{2,}\d+$/;
const TITLE = /\bit(?:[A-Z]\w*)?(\.\w+)?\s*\(\s*(['"`])/g;

/** Problems of the rules and of the titles that cite them; empty when each rule has a running test and each id a rule. */
export function checkSpec(spec: string, tests: readonly SourceFile[]): string[] {
  const problems: string[] = [];
  const rules = new Map<string, number>();
  for (const [index, line] of spec.split('\n').entries()) {
    const match = RULE.exec(line);
    if (match === null) continue;
    const [, id = '', text = ''] = match;
    const place = `docs/spec.md:${index + 1}`;
    if (!ID.test(id)) problems.push(`${place}: ${id} is no rule id (two or more capitals, then a number)`);
    else if (text.trim() === '') problems.push(`${place}: rule ${id} has no text`);
    else if (rules.has(id)) problems.push(`${place}: rule ${id} is already at line ${rules.get(id)}`);
    else rules.set(id, index + 1);
  }

  const citations = tests.flatMap(readCitations);
  for (const { id, place } of citations) {
    if (!rules.has(id)) problems.push(`${place}: the title cites ${id}, which docs/spec.md does not have`);
  }
  const tested = new Set(citations.filter((one) => one.runs).map((one) => one.id));
  for (const [id, line] of rules) {
    if (!tested.has(id)) problems.push(`docs/spec.md:${line}: no test cites rule ${id}`);
  }
  return problems;
}

/** The rule ids in the titles of a test file. A test written as `it.skip` cites, but does not run. */
export function readCitations(file: SourceFile): Citation[] {
  const mask = maskSource(file.text);
  return [...mask.matchAll(TITLE)].flatMap((match) => {
    const title = file.text.slice(match.index + match[0].length, match.index + match[0].length + 200);
    const ids = /^(?:\[[A-Z]{2,}\d+(?:, *[A-Z]{2,}\d+)*\] *)+/.exec(title)?.[0].match(/[A-Z]{2,}\d+/g) ?? [];
    const place = `${file.path}:${lineOf(file.text, match.index)}`;
    return ids.map((id) => ({ id, place, runs: match[1] !== '.skip' }));
  });
}

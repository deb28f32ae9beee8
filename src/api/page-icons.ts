import { must } from '../base/assert.ts';

/** Lines on a field of 20 by 20, by the name that a page calls them by. */
const ICONS: ReadonlyMap<string, string> = new Map([
  ['add', 'M10 4v12M4 10h12'],
  ['undo', 'M7.5 4 3.5 8l4 4M4 8h7.5a4.25 4.25 0 0 1 0 8.5H8'],
  ['redo', 'm12.5 4 4 4-4 4M16 8H8.5a4.25 4.25 0 0 0 0 8.5H12'],
  ['pen', 'M12.5 4.5l3 3L7 16H4v-3zM11 6l3 3'],
  ['raise', 'M10 16V5M5.5 9.5 10 5l4.5 4.5M4 3h12'],
  ['remove', 'M4 6h12M8 6V4h4v2M6 6l.7 10h6.6L14 6M8.5 9v4.5M11.5 9v4.5'],
  ['eraser', 'M8 16h8M4 11.5 11.5 4l4.5 4.5L8.5 16H7z'],
  ['fill', 'm9 3 6.5 6.5L9 16 2.5 9.5zM17 13v3'],
  ['download', 'M10 3v10M5.5 9 10 13.5 14.5 9M4 16.5h12'],
  [
    'share',
    'M8.5 11.5a3.5 3.5 0 0 0 5 0l2.6-2.6a3.5 3.5 0 0 0-5-5L9.8 5.2M11.5 8.5a3.5 3.5 0 0 0-5 0l-2.6 2.6a3.5 3.5 0 0 0 5 5l1.3-1.3',
  ],
]);

const ICON = /\{icon (\w+)\}/g;
const TOOL = /\{tool (\w+) (\w+) "([^"]*)" "([^"]*)"( disabled)?\}/g;

/**
 * The page with its icons, which stand in it as `{icon share}`: what they mean is said by their buttons. A button that is an icon alone stands there
 * as `{tool ID ICON "what it is called" "what its tip says"}`, or `… disabled}`.
 */
export function withIcons(page: string): string {
  return page
    .replace(
      TOOL,
      (_, id: string, icon: string, name: string, tip: string, disabled = '') =>
        `<button id="${id}" type="button" aria-label="${name}" title="${tip}"${disabled}>${drawn(icon)}</button>`,
    )
    .replace(ICON, (_, icon: string) => drawn(icon));
}

function drawn(icon: string): string {
  const lines = must(ICONS.get(icon), `there is an icon ${icon}`);
  return `<svg viewBox="0 0 20 20" aria-hidden="true"><path d="${lines}" /></svg>`;
}

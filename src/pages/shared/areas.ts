export type Area = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** What the tab keeps. */
export const ofTab = lenient(() => sessionStorage);
/** What the browser keeps. */
export const ofBrowser = lenient(() => localStorage);

/** What an area does not take, or a browser that blocks cookies refuses even to name, is kept for as long as the page lives: the page works all the same. */
export function lenient(area: () => Area): Area {
  const own = new Map<string, string>();
  return {
    getItem(key) {
      try {
        return own.get(key) ?? area().getItem(key);
      } catch {
        return null;
      }
    },
    setItem(key, value) {
      own.delete(key);
      try {
        area().setItem(key, value);
      } catch {
        own.set(key, value);
      }
    },
    removeItem(key) {
      own.delete(key);
      try {
        area().removeItem(key);
      } catch {} // nothing is kept there
    },
  };
}

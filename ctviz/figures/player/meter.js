// What tests and the benchmark read of a component.

/** Of each name, the components on the page that may be read under it, in the order in which they came. */
const METERED = (globalThis.__ctvizMetered ??= new Map());

/**
 * Makes `facts` readable as `globalThis[name]` while `component` is the newest of that name on the page. Where a page
 * changes, the next component may come before the last one is gone, and one that is never shown may come after it.
 */
export function expose(name, component, facts) {
  if (!METERED.has(name)) {
    METERED.set(name, []);
    const get = () => METERED.get(name).findLast(([{ root }]) => root.isConnected)?.[1];
    Object.defineProperty(globalThis, name, { configurable: true, get });
  }
  METERED.get(name).push([component, facts]);
}

/** Forgets a component that is gone. */
export function conceal(component) {
  for (const [name, entries] of METERED) METERED.set(name, entries.filter(([one]) => one !== component));
}

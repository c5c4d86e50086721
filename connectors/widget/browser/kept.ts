/** What the frame keeps between visits: in the browser's storage, or in memory where the browser blocks that. */

export interface Kept {
  get(name: string): string | null;
  /** null removes it. */
  set(name: string, value: string | null): void;
}

/** @param prefix keeps several widgets of one hub apart */
export function keptUnder(prefix: string): Kept {
  const memory = new Map<string, string>();
  const storage = browserStorage();
  return {
    get: (name) => storage?.getItem(`${prefix}${name}`) ?? memory.get(name) ?? null,
    set: (name, value) => {
      if (value === null) {
        memory.delete(name);
        storage?.removeItem(`${prefix}${name}`);
        return;
      }
      try {
        if (storage === null) throw new Error("blocked");
        storage.setItem(`${prefix}${name}`, value);
      } catch {
        memory.set(name, value); // Blocked or full: it lasts as long as the page.
      }
    },
  };
}

function browserStorage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null; // Third-party storage is blocked.
  }
}

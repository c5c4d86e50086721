/** Remembers what this process has done, so that a repeated attempt does not do it again. */

export interface Once {
  /**
   * Runs `work` unless it has succeeded for this key before, or is running. A failure is forgotten.
   * @returns whether it ran now
   */
  run(key: string, work: () => Promise<void>): Promise<boolean>;
}

/** @param max the keys that are remembered, the newest of them */
export function createOnce(max = 10_000): Once {
  const done = new Map<string, Promise<void>>();
  return {
    async run(key, work) {
      const before = done.get(key);
      if (before) {
        await before;
        return false;
      }
      const running = work();
      done.set(key, running);
      try {
        await running;
      } catch (error) {
        done.delete(key);
        throw error;
      }
      const [oldest] = done.keys();
      if (done.size > max && oldest !== undefined) done.delete(oldest);
      return true;
    },
  };
}

/** All companies' models in memory: loaded when first needed, compared with the registry, dropped when there are too many. */
import {
  createHostedModels,
  type HostedCompany,
  type HostedModels,
  type HostedModelsOptions,
  type Picked,
} from "./hosted-models.ts";

export interface ModelHostOptions<T> extends HostedModelsOptions<T> {
  /** About how often all that is loaded is compared with the registry, in milliseconds. */
  readonly refreshMs: number;
  /** How many companies' own models are kept in memory. */
  readonly maxLoaded: number;
}

export interface ModelHost<T> {
  /**
   * The model for a ticket; a ticket always gets the same arm of a canary. At once where the company's is loaded, else when it is.
   * Never fails: where there is no model, or none that can be loaded, the fallback serves. What was picked stays usable when another
   * one is put in force meanwhile.
   */
  pick(company: string, ticketId: string): Picked<T> | Promise<Picked<T>>;
  /** Looks whether the registry has changed for a company that is loaded, and swaps what has. Never fails. */
  refresh(company: string): Promise<void>;
  /** Drops what is loaded of a company: it is loaded and accepted anew when it is needed. */
  forget(company: string): void;
  /** What is loaded, for health. */
  status(): HostedCompany[];
  /** Ends the comparing and waits for what is being loaded; what is loaded serves on. */
  close(): Promise<void>;
}

/** Nothing is loaded before the first pick. The caller closes it. */
export function createModelHost<T>(options: ModelHostOptions<T>): ModelHost<T> {
  const { refreshMs, maxLoaded } = options;
  /** By company; the one that was used longest ago comes first. */
  const hosted = new Map<string, HostedModels<T>>();
  let closed = false;

  /** Companies without a model of their own cost nothing, and stay. */
  const dropUnused = () => {
    const holding = [...hosted].filter(([, models]) => models.holdsAny());
    for (const [company, models] of holding.slice(0, Math.max(0, holding.length - maxLoaded)))
      if (!models.looking()) hosted.delete(company);
  };

  /** With jitter, so that the nodes do not all look at once. */
  const nextMs = () => refreshMs * (0.8 + Math.random() * 0.4);
  const compareAll = async () => {
    for (const models of [...hosted.values()]) if (!closed) await models.refresh();
    if (closed) return;
    dropUnused();
    timer = setTimeout(compareAll, nextMs()).unref();
  };
  let timer = setTimeout(compareAll, nextMs()).unref();

  return {
    pick(company, ticketId) {
      const models = hosted.get(company) ?? createHostedModels(options, company);
      hosted.delete(company);
      hosted.set(company, models);
      if (models.ready()) return models.pick(ticketId);
      return models.look().then(() => {
        dropUnused();
        return models.pick(ticketId);
      });
    },
    async refresh(company) {
      await hosted.get(company)?.refresh();
    },
    forget(company) {
      hosted.delete(company);
    },
    status: () => [...hosted.values()].map((models) => models.status()),
    async close() {
      closed = true;
      clearTimeout(timer);
      await Promise.all([...hosted.values()].map((models) => models.looking()));
    },
  };
}

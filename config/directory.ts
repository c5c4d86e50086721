/** The companies in force: found by id or by API key, and swapped one at a time. */
import { createHash } from "node:crypto";
import type { Company } from "./types.ts";

/** Called after a change; `company` is null where it was removed. */
export type CompanyListener = (id: string, company: Company | null) => void;

export interface CompanyDirectory {
  get(id: string): Company | undefined;
  /** In the order of their ids. */
  all(): Company[];
  /** Whose key this is, or null. */
  byKey(key: string): { company: Company; keyName: string } | null;
  /** Puts a company in force, or takes it out with null; then tells the listeners. */
  replace(id: string, company: Company | null): void;
  /** Returns the function that ends the subscription. A listener that throws does not keep the others from hearing. */
  onChange(listener: CompanyListener): () => void;
}

/**
 * @param loaded the companies to start with
 * @param onListenerError gets what a listener threw; by default it is thrown once all have been told
 */
export function createCompanyDirectory(
  loaded: { readonly companies: ReadonlyMap<string, Company> },
  onListenerError?: (error: unknown) => void,
): CompanyDirectory {
  const companies = new Map(loaded.companies);
  const listeners = new Set<CompanyListener>();
  let keys = indexKeys(companies);
  return {
    get: (id) => companies.get(id),
    all: () => [...companies.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    byKey: (key) => keys.get(digestKey(key)) ?? null,
    replace(id, company) {
      if (company) companies.set(id, company);
      else companies.delete(id);
      keys = indexKeys(companies);
      const errors: unknown[] = [];
      for (const listener of [...listeners]) {
        try {
          listener(id, company);
        } catch (error) {
          if (onListenerError) onListenerError(error);
          else errors.push(error);
        }
      }
      if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}

/** Looked up by digest: how long a look-up takes then tells nothing about how much of a key was right. */
function digestKey(key: string): string {
  return createHash("sha256").update(key).digest("base64");
}

function indexKeys(companies: ReadonlyMap<string, Company>) {
  const index = new Map<string, { company: Company; keyName: string }>();
  for (const company of companies.values()) {
    for (const { name, secret } of company.keys) {
      index.set(digestKey(secret.reveal()), { company, keyName: name });
    }
  }
  return index;
}

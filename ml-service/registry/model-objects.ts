/** Where models lie: what the registry asks of a store of objects, and the names under which it keeps things there. */
import { companySchema, versionSchema } from "./manifest.ts";
import { RegistryError } from "./registry-error.ts";

/** Its errors have a `kind`: `missing` where an object is not there, `conflict` where a condition does not hold. */
export interface ModelObjects {
  put(
    key: string,
    bytes: Uint8Array,
    condition?: { readonly ifNew: true } | { readonly ifTag: string },
  ): Promise<{ tag: string }>;
  get(key: string): Promise<{ bytes: Uint8Array; tag: string }>;
  /** All keys below one. */
  list(prefix: string): Promise<string[]>;
  /** Removes what is there. */
  remove(key: string): Promise<void>;
}

/** Whether a call of the store failed in this way. */
export function failedAs(error: unknown, kind: "missing" | "conflict"): boolean {
  return error instanceof Error && (error as { kind?: unknown }).kind === kind;
}

function folderOf(company: string): string {
  if (companySchema.safeParse(company).success) return `models/${company}`;
  throw new RegistryError("invalid", `${JSON.stringify(company)} is no company's id`);
}

/** @throws RegistryError of kind `invalid` where the company or the version has no such id, as all of these do */
export const stateKey = (company: string) => `${folderOf(company)}/state.json`;

export const versionsPrefix = (company: string) => `${folderOf(company)}/versions`;

export function versionKey(company: string, version: string, file: "model.bin" | "manifest.json"): string {
  const prefix = versionsPrefix(company);
  if (versionSchema.safeParse(version).success) return `${prefix}/${version}/${file}`;
  throw new RegistryError(
    "invalid",
    `${JSON.stringify(version)} is no model's version: they look like 20261128-190501-3f2a`,
  );
}

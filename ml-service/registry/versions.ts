/** Versions of companies' models: written once, the manifest last, and checked whenever they are read. */
import { createHash, randomBytes } from "node:crypto";
import { gte } from "semver";
import { z } from "zod";
import { type Manifest, manifestSchema, nextVersion, type TrainedManifest, timeOf } from "./manifest.ts";
import { failedAs, type ModelObjects, versionKey, versionsPrefix } from "./model-objects.ts";
import { RegistryError } from "./registry-error.ts";

/** Bytes without a manifest belong to a publish that was cut off, if they are older than this, in milliseconds. */
const unfinishedMs = 86_400_000;

export interface Published {
  readonly bytes: Uint8Array;
  readonly manifest: TrainedManifest;
}

const sha256Of = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function versionsWith(
  objects: ModelObjects,
  company: string,
  file: "model.bin" | "manifest.json",
): Promise<string[]> {
  const keys = await objects.list(versionsPrefix(company));
  const versions = keys.filter((key) => key.endsWith(`/${file}`)).map((key) => key.split("/").at(-2) ?? "");
  return versions.sort().reverse();
}

/** The ids of all that are there as a whole, newest first. */
export const versionsOf = (objects: ModelObjects, company: string) =>
  versionsWith(objects, company, "manifest.json");

/** @returns the manifest, with the new version's id */
export async function writeVersion(
  objects: ModelObjects,
  company: string,
  { bytes, manifest: trained }: Published,
  now: Date,
): Promise<Manifest> {
  const [newest] = await versionsOf(objects, company);
  const version = nextVersion(now, newest, randomBytes(2).toString("hex"));
  const own = { version, company, createdAt: now.toISOString(), sha256: sha256Of(bytes), size: bytes.length };
  const manifest = manifestSchema.safeParse({ ...trained, ...own });
  if (!manifest.success) {
    const what = z.prettifyError(manifest.error);
    throw new RegistryError("invalid", `the manifest of a model of ${company} is not valid: ${what}`);
  }
  // In this order, so that a version is there whole or not at all.
  await objects.put(versionKey(company, version, "model.bin"), bytes, { ifNew: true });
  const text = Buffer.from(`${JSON.stringify(manifest.data, null, 2)}\n`);
  await objects.put(versionKey(company, version, "manifest.json"), text, { ifNew: true });
  return manifest.data;
}

function parseManifest(key: string, bytes: Uint8Array, coreVersion: string): Manifest {
  const damaged = (cause: unknown) =>
    new RegistryError(
      "damaged",
      `${key} is no manifest of this company's version: restore it from a backup, or promote another version`,
      cause,
    );
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString());
  } catch (error) {
    throw damaged(error);
  }
  // Before all else: what a newer core writes need not look like ours.
  const least = z.object({ leastCore: manifestSchema.shape.leastCore }).safeParse(json).data?.leastCore;
  if (least !== undefined && !gte(coreVersion, least)) {
    throw new RegistryError(
      "too-new",
      `${key} needs Deskwire ${least} or newer, and this is ${coreVersion}: bring all nodes up to date, or promote an older version`,
    );
  }
  const manifest = manifestSchema.safeParse(json);
  if (!manifest.success) throw damaged(manifest.error);
  const { company, version } = manifest.data;
  if (versionKey(company, version, "manifest.json") !== key)
    throw damaged(new Error(`it is that of ${company} ${version}`));
  return manifest.data;
}

/** @throws RegistryError of kind `missing`, `damaged`, `too-new` */
export async function readManifest(
  objects: ModelObjects,
  company: string,
  version: string,
  coreVersion: string,
): Promise<Manifest> {
  const key = versionKey(company, version, "manifest.json");
  try {
    return parseManifest(key, (await objects.get(key)).bytes, coreVersion);
  } catch (error) {
    if (!failedAs(error, "missing")) throw error;
    const message = `there is no version ${version} of ${company}'s model: "deskwire models ${company}" lists those that there are`;
    throw new RegistryError("missing", message, error);
  }
}

/** Reads a model and checks it by the digest in its manifest. */
export async function readVersion(
  objects: ModelObjects,
  company: string,
  version: string,
  coreVersion: string,
): Promise<{ bytes: Uint8Array; manifest: Manifest }> {
  const manifest = await readManifest(objects, company, version, coreVersion);
  const key = versionKey(company, version, "model.bin");
  const advice = "restore it from a backup, or promote another version";
  let bytes: Uint8Array;
  try {
    bytes = (await objects.get(key)).bytes;
  } catch (error) {
    if (!failedAs(error, "missing")) throw error;
    throw new RegistryError("damaged", `${key} is missing, though its manifest is there: ${advice}`, error);
  }
  if (bytes.length === manifest.size && sha256Of(bytes) === manifest.sha256) return { bytes, manifest };
  throw new RegistryError(
    "damaged",
    `${key} is damaged (its SHA-256 is not the one in its manifest): ${advice}`,
  );
}

/** In the order in which the version ceases to be there as a whole. */
export async function removeVersion(objects: ModelObjects, company: string, version: string): Promise<void> {
  await objects.remove(versionKey(company, version, "manifest.json"));
  await objects.remove(versionKey(company, version, "model.bin"));
}

/** Bytes whose publish was cut off. */
export async function unfinishedVersions(
  objects: ModelObjects,
  company: string,
  now: Date,
): Promise<string[]> {
  const whole = new Set(await versionsOf(objects, company));
  return (await versionsWith(objects, company, "model.bin")).filter(
    (version) => !whole.has(version) && now.getTime() - timeOf(version) > unfinishedMs,
  );
}

/** Secrets that Deskwire makes for itself: random, kept in the state folder, the same at every start. */
import { randomBytes, randomUUID } from "node:crypto";
import { link, mkdir, open, readFile, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface GeneratedSecrets {
  /** The secret of this name. Throws, with what to do, where it can neither be read nor made. */
  get(name: string): Promise<string>;
}

/**
 * Secrets in `<stateDir>/secrets/NAME`, mode 0600.
 * @param create false to look only: a secret that is not there yet is stood in for by a random one that is kept nowhere
 */
export function openGeneratedSecrets(stateDir: string, create: boolean): GeneratedSecrets {
  const folder = join(stateDir, "secrets");
  const known = new Map<string, string>();
  return {
    async get(name) {
      const before = known.get(name);
      if (before !== undefined) return before;
      const file = join(folder, name);
      const value = (await readSecret(file)) ?? (create ? await makeSecret(folder, file) : freshSecret());
      known.set(name, value);
      return value;
    },
  };
}

function freshSecret(): string {
  return `dw_${randomBytes(32).toString("base64url")}`;
}

async function readSecret(file: string): Promise<string | null> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw new Error(`the generated secret ${file} cannot be read (${codeOf(error)})`, { cause: error });
  }
  const value = text.trim();
  if (value === "") {
    throw new Error(`the generated secret ${file} is empty: delete the file to have a new one made`);
  }
  return value;
}

async function makeSecret(folder: string, file: string): Promise<string> {
  const draft = join(folder, `.${randomUUID()}`);
  try {
    // The state folder itself stays open: the embedded database may run as another user.
    await mkdir(dirname(folder), { recursive: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const handle = await open(draft, "wx", 0o600);
    try {
      await handle.writeFile(`${freshSecret()}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    try {
      // link() neither overwrites nor shows a half-written file: of two processes one wins, and both read the winner's.
      await link(draft, file);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    } finally {
      await unlink(draft);
    }
  } catch (error) {
    throw new Error(
      `the secret ${file} cannot be made (${codeOf(error)}): see that the state folder can be written, or name another with stateDir`,
      { cause: error },
    );
  }
  const value = await readSecret(file);
  if (value === null) throw new Error(`the secret ${file} vanished while it was made: try again`);
  return value;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | null)?.code ?? String(error);
}

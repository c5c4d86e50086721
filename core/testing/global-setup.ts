/** Runs once before all tests: starts the PostgreSQL that they share, and stops it after them. */
import { chmod, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startEmbeddedPostgres } from "../store/embedded-postgres.ts";
import { describeFolder, errorCode, isAlive } from "../store/postgres-folder.ts";
import { isPostmaster, readPostmaster, stopPostmaster } from "../store/postmaster.ts";
import { stopAbandonedDovecot } from "./dovecot-process.ts";
import { stopAbandonedNats } from "./nats.ts";
import type {} from "./postgres.ts";
import { installMissingPrograms } from "./system-packages.ts";
import { abandonedTempFolders, makeTempFolder } from "./temp-folder.ts";

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await installMissingPrograms((line) => console.log(line));
  await removeAbandoned();
  const home = await makeTempFolder("run");
  // PostgreSQL's user has to pass through.
  await chmod(home, 0o711);
  const postgres = await startEmbeddedPostgres({
    dir: join(home, "postgres"),
    log: { info: (message) => console.log(message), warn: (message) => console.warn(message) },
    durable: false,
    settings: { max_connections: "200" },
  });
  project.provide("postgres", postgres.connection);
  return async () => {
    await postgres.stop();
    await rm(home, { recursive: true, force: true });
  };
}

/** A run that was killed has left its servers running. */
async function removeAbandoned(): Promise<void> {
  for (const home of await abandonedTempFolders(isAlive)) {
    const folders = (await readdir(home, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    for (const path of [home, ...folders.map((entry) => join(home, entry.name))]) {
      await stopServer(join(path, "postgres"));
    }
    await stopAbandonedDovecot(home);
    await stopAbandonedNats(home);
    await rm(home, { recursive: true, force: true });
  }
}

async function stopServer(dir: string): Promise<void> {
  try {
    const folder = await describeFolder(dir);
    const running = await readPostmaster(folder);
    if (running && (await isPostmaster(running.pid, folder))) await stopPostmaster(folder, running.pid);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}

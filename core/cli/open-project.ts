/** A project opened for one command: its configuration, its database, and what works on it, beside a hub or without one. */
import { join } from "node:path";
import { type CompanyDirectory, createCompanyDirectory } from "../../config/directory.ts";
import type { LoadedConfig } from "../../config/types.ts";
import type { Blobs } from "../blobs/blobs.ts";
import { createFileBlobs } from "../blobs/files.ts";
import { createInstances, type Instances } from "../hosting/instances.ts";
import { createLog, type LogFor } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { createReleaser } from "../lib/release.ts";
import { createIntake, type Intake } from "../pipeline/intake.ts";
import { createNowhereQueue } from "../queue/nowhere.ts";
import { type Connection, type Database, openDatabase } from "../store/database.ts";
import { startEmbeddedPostgres } from "../store/embedded-postgres.ts";
import { migrate } from "../store/migrate.ts";
import { projectConfig } from "./project.ts";

/** Connections of a command: those of the running hub come on top. */
const poolSize = 4;

export interface OpenProject {
  readonly db: Database;
  readonly blobs: Blobs;
  readonly directory: CompanyDirectory;
  readonly instances: Instances;
  /** What it takes in is taken up by the running hub within a second or two, or by the next one that starts. */
  readonly intake: Intake;
  readonly logFor: LogFor;
  readonly config: LoadedConfig;
  /** How far back the ledger looks, in milliseconds. */
  readonly ledgerWindowMs: number;
  /** Closes all; stops the embedded database where nobody else uses it. */
  close(): Promise<void>;
}

/**
 * Opens the database of the config, or starts or adopts the embedded one, and brings its tables up to date.
 * @throws ConfigError with all mistakes of the configuration; ConnectorError where the database does not come up
 */
export async function openProject(dir: string, part: string, signal?: AbortSignal): Promise<OpenProject> {
  const config = await projectConfig(dir, true).load();
  const { hub, stateDir } = config;
  const logFor: LogFor = (name) => createLog(hub.log, name);
  const releaser = createReleaser(logFor(part));
  try {
    let connection: Connection = { connectionString: hub.database.url?.reveal() };
    if (!hub.database.url) {
      const options = { dir: join(stateDir, "postgres"), log: logFor("postgres"), ...(signal && { signal }) };
      const embedded = await startEmbeddedPostgres(options);
      releaser.add("the embedded database", () => embedded.stop());
      connection = embedded.connection;
    }
    await migrate(connection);
    const db = openDatabase(connection, poolSize, logFor(part));
    releaser.add("the database", () => db.close());
    const blobs = createFileBlobs(join(stateDir, "blobs"));
    const directory = createCompanyDirectory(config);
    const instances = createInstances({ directory, db, blobs, logFor });
    releaser.add("the connectors", () => instances.close());
    const queue = createNowhereQueue();
    const intake = createIntake({
      db,
      blobs,
      queue,
      metrics: noMetrics,
      log: logFor("intake"),
      stalledMs: 0,
    });
    releaser.add("the intake", () => intake.idle());
    const ledgerWindowMs = hub.ledger.windowHours * 3_600_000;
    const close = () => releaser.release();
    return { db, blobs, directory, instances, intake, logFor, config, ledgerWindowMs, close };
  } catch (error) {
    await releaser.release();
    throw error;
  }
}

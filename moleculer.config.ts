/** The composition root: what a node is made of, and which services its roles load. */
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { type BrokerOptions, ServiceBroker } from "moleculer";
import { type CompanyDirectory, createCompanyDirectory } from "./config/directory.ts";
import type { Role } from "./config/schema.ts";
import type { LoadedConfig } from "./config/types.ts";
import { builtIn } from "./connectors/index.ts";
import { createFileBlobs } from "./core/blobs/files.ts";
import { createInstances } from "./core/hosting/instances.ts";
import { createBreakers } from "./core/lib/breakers.ts";
import { newId } from "./core/lib/ids.ts";
import { createLog, type LogFor } from "./core/lib/log.ts";
import type { Metrics } from "./core/lib/metrics.ts";
import { createReleaser, type Releaser } from "./core/lib/release.ts";
import { createDrafters } from "./core/pipeline/drafters.ts";
import { createIntake } from "./core/pipeline/intake.ts";
import { createMemoryQueue } from "./core/queue/memory.ts";
import { brokerLogger } from "./core/services/broker-log.ts";
import { createBrokerMetrics } from "./core/services/broker-metrics.ts";
import { connectorsService } from "./core/services/connectors.service.ts";
import { gatewayService } from "./core/services/gateway.service.ts";
import { createHealth } from "./core/services/health.ts";
import { historyService } from "./core/services/history.service.ts";
import { pipelineService } from "./core/services/pipeline.service.ts";
import { type Connection, type Database, openDatabase } from "./core/store/database.ts";
import { keepEmbeddedPostgres } from "./core/store/keep-postgres.ts";
import { migrate } from "./core/store/migrate.ts";
import { becomeSoleNode } from "./core/store/sole-node.ts";
import { classifierService } from "./ml-service/classifier.service.ts";

/** Milliseconds that the broker waits for running actions at a stop. */
const shutdownTimeoutMs = 12_000;

export const { version } = createRequire(import.meta.url)("./package.json") as { version: string };

export interface Node {
  /** Where the gateway listens; null on a node without the api role. */
  readonly address: AddressInfo | null;
  readonly directory: CompanyDirectory;
  readonly db: Database;
  readonly logFor: LogFor;
  /** Drains and closes all, the embedded database last. */
  stop(): Promise<void>;
}

export function brokerOptions(nodeID: string): BrokerOptions {
  return {
    nodeID,
    namespace: "deskwire",
    tracking: { enabled: true, shutdownTimeout: shutdownTimeoutMs },
    // A signal is handled by whoever made the node: the broker's own handler would end the process before the database.
    skipProcessEventRegistration: true,
    // Parameters are checked by zod where they come in.
    validator: false,
  };
}

/** The database of the config, or the embedded one. */
async function connect(
  { hub, stateDir }: LoadedConfig,
  logFor: LogFor,
  releaser: Releaser,
): Promise<Connection> {
  if (hub.database.url) return { connectionString: hub.database.url.reveal() };
  const embedded = await keepEmbeddedPostgres({ dir: join(stateDir, "postgres"), log: logFor("postgres") });
  releaser.add("the embedded database", () => embedded.stop());
  return embedded.connection;
}

async function openStore(config: LoadedConfig, logFor: LogFor, releaser: Releaser): Promise<Database> {
  await mkdir(config.stateDir, { recursive: true });
  const connection = await connect(config, logFor, releaser);
  const sole = await becomeSoleNode(connection, logFor("store"));
  releaser.add("the hub's lock", () => sole.release());
  const ran = await migrate(connection);
  if (ran.length > 0)
    logFor("store").info("the database schema was brought up to date", { migrations: ran.join(", ") });
  const db = openDatabase(connection, config.hub.database.poolSize, logFor("store"));
  releaser.add("the database", () => db.close());
  return db;
}

interface Parts {
  config: LoadedConfig;
  db: Database;
  directory: CompanyDirectory;
  broker: ServiceBroker;
  metrics: Metrics;
  metricsText: () => string;
  logFor: LogFor;
  releaser: Releaser;
  onListening(address: AddressInfo): void;
}

function createServices(parts: Parts): void {
  const { config, db, directory, broker, metrics, logFor, releaser } = parts;
  const { pipeline } = config.hub;
  const is = (role: Role) => config.roles.includes(role);
  const queue = createMemoryQueue();
  releaser.add("the queue", () => queue.close());
  const blobs = createFileBlobs(join(config.stateDir, "blobs"));
  const breakers = createBreakers({ metrics, log: logFor("breaker") });
  const instances = createInstances({ directory, db, blobs, logFor, breakers });
  releaser.add("the connectors", () => instances.close());
  const { stalledMs } = pipeline;
  const intake = createIntake({ db, blobs, queue, metrics, log: logFor("intake"), stalledMs });
  releaser.add("the intake", () => intake.idle());

  if (is("ml")) broker.createService(classifierService({}));
  if (is("connectors")) {
    const node = broker.nodeID;
    const { ledger } = config.hub;
    broker.createService(
      connectorsService({
        directory,
        instances,
        intake,
        db,
        node,
        metrics,
        ledger,
        log: logFor("connectors"),
      }),
    );
  }
  if (is("pipeline")) {
    const drafters = createDrafters(directory, logFor("drafter"), breakers);
    const { attempts, firstRetryMs, ...options } = pipeline;
    broker.createService(
      pipelineService({
        db,
        queue,
        directory,
        metrics,
        log: logFor("pipeline"),
        policy: { attempts, firstRetryMs },
        drafterOf: (id) => drafters.of(id),
        options,
      }),
    );
  }
  if (is("api")) {
    broker.createService(historyService({ db, blobs, instances }));
    const health = createHealth({ db, broker, queue, instances, log: logFor("health") });
    const call = <T>(action: string, params: object) => broker.call<T, object>(action, params);
    const services = { config: config.hub, directory, instances, intake, db, metrics, logFor, call, health };
    const { metricsText, onListening } = parts;
    broker.createService(
      gatewayService({ services: { ...services, metricsText }, builtIn, version, onListening }),
    );
  }
}

/**
 * Starts a node with the roles of its config. Whatever was opened is closed again where a part fails to start.
 * @throws ConnectorError of kind `config` where the machine or the config does not allow it
 */
export async function startNode(config: LoadedConfig): Promise<Node> {
  const logFor: LogFor = (part) => createLog(config.hub.log, part);
  const releaser = createReleaser(logFor("hub"));
  try {
    const db = await openStore(config, logFor, releaser);
    const directory = createCompanyDirectory(config);
    const brokerMetrics = createBrokerMetrics();
    const broker = new ServiceBroker({
      ...brokerOptions(`${hostname()}-${newId().slice(-12)}`),
      logger: brokerLogger(logFor),
      metrics: brokerMetrics.options as unknown as NonNullable<BrokerOptions["metrics"]>,
    });
    const metrics = brokerMetrics.attach(broker);
    let address: AddressInfo | null = null;
    const onListening = (listening: AddressInfo) => {
      address = listening;
    };
    const metricsText = () => brokerMetrics.text();
    createServices({ config, db, directory, broker, metrics, metricsText, logFor, releaser, onListening });
    // Before the start: where one service fails to start, those that did are stopped.
    releaser.add("the services", () => broker.stop());
    await broker.start();
    return { address, directory, db, logFor, stop: () => releaser.release() };
  } catch (error) {
    await releaser.release();
    throw error;
  }
}

/** The composition root: what a node is made of, and which services its roles load. */
import { mkdir } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { type CompanyDirectory, createCompanyDirectory } from "./config/directory.ts";
import type { LoadedConfig } from "./config/types.ts";
import { builtIn } from "./connectors/index.ts";
import { createFileBlobs } from "./core/blobs/files.ts";
import { createInstances } from "./core/hosting/instances.ts";
import type { Pulls } from "./core/hosting/pull.ts";
import { createBreakers } from "./core/lib/breakers.ts";
import { newId } from "./core/lib/ids.ts";
import { createLog, type LogFor } from "./core/lib/log.ts";
import { createReleaser, type Releaser } from "./core/lib/release.ts";
import { version } from "./core/lib/version.ts";
import { encoderOf, openObjects, openRegistry } from "./core/parts/classifier.ts";
import { createDrafters } from "./core/pipeline/drafters.ts";
import { createIntake } from "./core/pipeline/intake.ts";
import { createLabellers } from "./core/pipeline/labellers.ts";
import { createMemoryQueue } from "./core/queue/memory.ts";
import type { Queue } from "./core/queue/queue.ts";
import { configDigest, watchAgreement } from "./core/services/agreement.ts";
import { type Broker, createBroker } from "./core/services/broker.ts";
import { connectorsService } from "./core/services/connectors.service.ts";
import { createHealth } from "./core/services/health.ts";
import { historyService } from "./core/services/history.service.ts";
import { learningService } from "./core/services/learning.service.ts";
import { nodeService } from "./core/services/node.service.ts";
import { createNodes, type Nodes } from "./core/services/nodes.ts";
import { operationsService } from "./core/services/operations.service.ts";
import { pipelineService } from "./core/services/pipeline.service.ts";
import { type Connection, type Database, openDatabase } from "./core/store/database.ts";
import { keepEmbeddedPostgres } from "./core/store/keep-postgres.ts";
import { migrate } from "./core/store/migrate.ts";
import { becomeSoleNode } from "./core/store/sole-node.ts";
import { labels } from "./ml-service/labels.ts";

/** Milliseconds for all closings together, and for one that comes after that. */
const closings = { totalMs: 10_500, leastMs: 400 };

export interface Node {
  /** As the other nodes know it. */
  readonly name: string;
  /** Where it listens. */
  readonly address: AddressInfo | null;
  readonly directory: CompanyDirectory;
  /** Null on a node that only classifies. */
  readonly db: Database | null;
  readonly logFor: LogFor;
  /** Drains and closes all, the embedded database last. */
  stop(): Promise<void>;
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
  const sole = await becomeSoleNode(connection, logFor("store"), config.hub.nats.url !== undefined);
  releaser.add("the hub's lock", () => sole.release());
  const ran = await migrate(connection);
  if (ran.length > 0)
    logFor("store").info("the database schema was brought up to date", { migrations: ran.join(", ") });
  const db = openDatabase(connection, config.hub.database.poolSize, logFor("store"));
  releaser.add("the database", () => db.close());
  return db;
}

/** The queue that nodes share, or one in memory. */
async function openQueue(
  { hub }: LoadedConfig,
  nodeID: string,
  logFor: LogFor,
  releaser: Releaser,
): Promise<Queue> {
  const { url, ...rest } = hub.nats;
  if (url === undefined) {
    const queue = createMemoryQueue();
    releaser.add("the queue", () => queue.close());
    return queue;
  }
  const [{ connectNats }, { createJetStreamQueue }] = await Promise.all([
    import("./core/queue/nats-connection.ts"),
    import("./core/queue/jetstream.ts"),
  ]);
  const log = logFor("queue");
  const link = connectNats({ url, ...rest, name: `${nodeID} queue` }, log);
  releaser.add("the connection to NATS", () => link.close());
  const queue = createJetStreamQueue({ connection: link.connection, log, replicas: rest.replicas });
  releaser.add("the queue", () => queue.close());
  return queue;
}

interface Parts extends Broker {
  config: LoadedConfig;
  directory: CompanyDirectory;
  nodes: Nodes;
  logFor: LogFor;
  releaser: Releaser;
  onListening(address: AddressInfo): void;
}

/** What every node has but those that only classify. */
async function openCore(
  { config, directory, broker, nodes, metrics, logFor, releaser }: Parts,
  db: Database,
) {
  const queue = await openQueue(config, broker.nodeID, logFor, releaser);
  const blobs = createFileBlobs(join(config.stateDir, "blobs"));
  const breakers = createBreakers({ metrics, log: logFor("breaker") });
  const instances = createInstances({ directory, db, blobs, logFor, breakers });
  releaser.add("the connectors", () => instances.close());
  const { stalledMs } = config.hub.pipeline;
  const intake = createIntake({ db, blobs, queue, metrics, log: logFor("intake"), stalledMs });
  releaser.add("the intake", () => intake.idle());
  const agreement = watchAgreement({ directory, nodes, log: logFor("nodes") });
  releaser.add("the look at the other nodes' config", () => agreement.stop());
  return { db, queue, blobs, breakers, instances, intake, agreement };
}

type Core = Awaited<ReturnType<typeof openCore>>;

/** The services that the roles ask for. What only some roles need is loaded for them alone. */
async function createServices(parts: Parts, core: Core): Promise<void> {
  const { config, directory, broker, nodes, metrics, logFor } = parts;
  const { db, queue, blobs, breakers, instances, intake } = core;
  const { hub, roles } = config;
  let pulls: Pulls | undefined;
  broker.createService(nodeService({ directory, instances, sources: () => pulls?.status() ?? [] }));
  if (roles.includes("connectors")) {
    const onPulls = (started: Pulls) => {
      pulls = started;
    };
    const own = { node: nodes.here, nodes, ledger: hub.ledger, log: logFor("connectors"), onPulls };
    broker.createService(connectorsService({ directory, instances, intake, db, metrics, ...own }));
  }
  if (roles.includes("pipeline")) {
    const drafters = createDrafters(directory, logFor("drafter"), breakers);
    const drafterOf = (id: string) => drafters.of(id);
    const { attempts, firstRetryMs, ...options } = hub.pipeline;
    const labellers = createLabellers({ directory, breakers, labels, concurrency: options.draftConcurrency });
    const of = { drafterOf, labellerOf: labellers.of };
    const own = { log: logFor("pipeline"), policy: { attempts, firstRetryMs }, options, nodes, ...of };
    broker.createService(pipelineService({ db, queue, directory, metrics, ...own }));
    const { nightlyHour, mostLessons } = hub.classifier;
    const objects = openObjects(config.stateDir);
    const learning = { objects, nightlyHour, mostLessons, log: logFor("learning") };
    broker.createService(learningService({ db, directory, nodes, metrics, ...learning }));
  }
  if (roles.includes("api")) broker.createService(historyService({ db, blobs, instances }));
}

/** Health and metrics, and with the role `api` all that goes over HTTP. */
async function createHttp(parts: Parts, core: Core | null): Promise<void> {
  const { config, directory, broker, nodes, metrics, metricsText, logFor, onListening } = parts;
  const { hub, roles } = config;
  const health = createHealth({ roles, nodes, log: logFor("health"), ...(core && { store: core }) });
  const own = { config: hub, directory, logFor, health, metricsText };
  if (core && roles.includes("api")) {
    const { gatewayService } = await import("./core/services/gateway.service.ts");
    const call = <T>(action: string, params: object) => broker.call<T, object>(action, params);
    const { db, instances, intake } = core;
    const services = { ...own, instances, intake, db, metrics, call };
    broker.createService(gatewayService({ services, builtIn, version, onListening }));
  } else broker.createService(operationsService({ ...own, onListening }));
}

/**
 * Starts a node with the roles of its config. Whatever was opened is closed again where a part fails to start.
 * @throws ConnectorError of kind `config` where the machine or the config does not allow it
 */
export async function startNode(config: LoadedConfig): Promise<Node> {
  const logFor: LogFor = (part) => createLog(config.hub.log, part);
  const releaser = createReleaser(logFor("hub"), closings);
  const { roles, hub } = config;
  try {
    const needsStore = roles.some((role) => role !== "ml");
    const db = needsStore ? await openStore(config, logFor, releaser) : null;
    const directory = createCompanyDirectory(config);
    const nodeID = `${hostname()}-${newId().slice(-12)}`;
    const metadata = { roles, config: needsStore ? configDigest(directory) : null };
    const made = createBroker(nodeID, hub.nats, metadata, logFor);
    const { broker, link } = made;
    let address: AddressInfo | null = null;
    const onListening = (listening: AddressInfo) => {
      address = listening;
    };
    const nodes = createNodes(broker, link);
    const parts: Parts = { ...made, config, directory, nodes, logFor, releaser, onListening };
    if (roles.includes("ml")) {
      const { classifierService } = await import("./ml-service/classifier.service.ts");
      const models = {
        registry: await openRegistry(config.stateDir),
        objects: openObjects(config.stateDir),
        version,
      };
      const openEncoder = encoderOf(config);
      const { set } = made.metrics;
      const own = { models, ...(openEncoder && { openEncoder }), log: logFor("classifier"), set };
      broker.createService(classifierService(own));
    }
    const core = db && (await openCore(parts, db));
    if (core) await createServices(parts, core);
    await createHttp(parts, core);
    // Before the start: where one service fails to start, those that did are stopped.
    releaser.add("the services", () => broker.stop());
    await broker.start();
    return { name: nodeID, address, directory, db, logFor, stop: () => releaser.release() };
  } catch (error) {
    await releaser.release();
    throw error;
  }
}

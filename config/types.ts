/** What a loaded configuration consists of. */
import type { AnyConnector } from "../plugins/contract/connector.ts";
import type { Secret } from "../plugins/contract/secret.ts";
import type { ClassifierConfig } from "./classifier-schema.ts";
import type { DrafterConfig, HubConfig, Role } from "./schema.ts";

/** One mistake. `line` and `column` start at 1; line 0 means that there is no line to point at (an environment variable, a folder). */
export interface Mistake {
  /** Relative to the project, or absolute where it lies outside; `environment` for environment variables. */
  readonly file: string;
  readonly line: number;
  readonly column?: number;
  /** Such as `connectors.widget.origins[0]`; empty where the file as a whole is meant. */
  readonly field: string;
  readonly message: string;
}

/** A connector of a company, enabled and with a config that its own schema accepted. */
export interface ConnectorInstance {
  /** The key under `connectors:`; it stands in URLs. */
  readonly instance: string;
  /** The plugin's reference as written, or the key where none was. */
  readonly plugin: string;
  readonly spec: AnyConnector;
  /** The output of `spec.config`. */
  readonly config: unknown;
  /** Changes when the plugin's reference or any setting (a referenced secret included) changes. */
  readonly digest: string;
}

export interface Company {
  /** The file's name without `.yaml`. */
  readonly id: string;
  /** Absolute. */
  readonly file: string;
  readonly name: string;
  readonly demo: boolean;
  readonly keys: ReadonlyArray<{ readonly name: string; readonly secret: Secret }>;
  /** The company's own, or the hub's. */
  readonly drafter: DrafterConfig;
  readonly classifier: ClassifierConfig;
  /** Absolute; need not exist where it is the default one. */
  readonly knowledgeDir: string;
  readonly macrosDir: string;
  /** By instance; disabled ones are left out. */
  readonly connectors: ReadonlyMap<string, ConnectorInstance>;
  /** Changes with any setting, secret, article or macro. Comparable within this process only. */
  readonly digest: string;
  /** The same on every node that has the same settings, secrets, articles and macros. For other nodes only: it is not keyed. */
  readonly sharedDigest: string;
}

export interface LoadedConfig {
  readonly hub: HubConfig;
  readonly roles: Role[];
  /** Absolute. Need not exist yet. */
  readonly stateDir: string;
  readonly companies: ReadonlyMap<string, Company>;
  /** Accepted, but unwise: a secret in plain text. */
  readonly warnings: readonly Mistake[];
  /** Of what needs a restart to change: the hub's settings but its drafter, the roles, the state folder. */
  readonly hubDigest: string;
  /** Absolute paths of the files and folders that were read or looked for. */
  readonly watched: readonly string[];
}

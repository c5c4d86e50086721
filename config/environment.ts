/** The environment variables that take the place of settings, for containers. */
import type { Path } from "./mistakes.ts";

export interface EnvironmentVariable {
  readonly name: string;
  /** The field of hub.yaml that it takes the place of; none where it stands for itself. */
  readonly path?: Path;
  readonly description: string;
}

export const environmentVariables: readonly EnvironmentVariable[] = [
  {
    name: "DESKWIRE_ROLES",
    description: "What this node does, separated by commas: api, connectors, pipeline, ml. Default: all.",
  },
  { name: "DESKWIRE_CONFIG_DIR", description: "Folder with hub.yaml and companies/. Default: config." },
  { name: "DESKWIRE_STATE_DIR", description: "In place of stateDir; relative to the project's folder." },
  { name: "DESKWIRE_HTTP_HOST", path: ["http", "host"], description: "In place of http.host." },
  { name: "DESKWIRE_HTTP_PORT", path: ["http", "port"], description: "In place of http.port." },
  { name: "DESKWIRE_DATABASE_URL", path: ["database", "url"], description: "In place of database.url." },
  { name: "DESKWIRE_NATS_URL", path: ["nats", "url"], description: "In place of nats.url." },
  { name: "DESKWIRE_NATS_USER", path: ["nats", "user"], description: "In place of nats.user." },
  { name: "DESKWIRE_NATS_PASSWORD", path: ["nats", "password"], description: "In place of nats.password." },
  { name: "DESKWIRE_NATS_TOKEN", path: ["nats", "token"], description: "In place of nats.token." },
  { name: "DESKWIRE_LOG_LEVEL", path: ["log", "level"], description: "In place of log.level." },
];

export interface Environment {
  readonly configDir: string | undefined;
  readonly stateDir: string | undefined;
  readonly roles: string[];
  /** Fields of hub.yaml that are set by a variable. */
  readonly overrides: ReadonlyArray<{ name: string; path: Path; value: string }>;
  /** All variables, for `${env:NAME}`. */
  readonly all: Readonly<Record<string, string | undefined>>;
}

/** Picks out what Deskwire knows. A variable that is set but empty counts as not set. */
export function pickEnvironment(all: Readonly<Record<string, string | undefined>>): Environment {
  return {
    configDir: all.DESKWIRE_CONFIG_DIR || undefined,
    stateDir: all.DESKWIRE_STATE_DIR || undefined,
    roles: (all.DESKWIRE_ROLES ?? "")
      .split(",")
      .map((role) => role.trim())
      .filter(Boolean),
    overrides: environmentVariables.flatMap(({ name, path }) => {
      const value = all[name];
      return path && value ? [{ name, path, value }] : [];
    }),
    all,
  };
}

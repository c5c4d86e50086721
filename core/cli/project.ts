/** The configuration of a project folder, with the plugins that it names. */
import { type LoadOptions, loadConfig } from "../../config/load.ts";
import type { LoadedConfig } from "../../config/types.ts";
import { builtIn } from "../../connectors/index.ts";
import { createPluginLoader } from "../../plugins/load.ts";

export interface ProjectConfig {
  /** Reads everything anew. @param stateDir the state folder in force, where there is one already */
  load(stateDir?: string): Promise<LoadedConfig>;
}

/**
 * @param createSecrets false to only look
 * @param enable a connector that is taken as enabled, whatever its entry says
 */
export function projectConfig(
  dir: string,
  createSecrets: boolean,
  enable?: LoadOptions["enable"],
): ProjectConfig {
  const plugins = createPluginLoader({ builtIn, root: dir });
  return {
    load: (stateDir) =>
      loadConfig({
        dir,
        createSecrets,
        loadPlugin: (reference, fromDir) => plugins.load(reference, fromDir),
        ...(stateDir !== undefined && { stateDir }),
        ...(enable && { enable }),
      }),
  };
}

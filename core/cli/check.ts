/** deskwire check: all mistakes of the configuration at once, without starting anything. */
import { formatMistake } from "../../config/mistakes.ts";
import { projectConfig } from "./project.ts";

/** @throws ConfigError with all mistakes */
export async function check(project: string): Promise<number> {
  const { companies, warnings } = await projectConfig(project, false).load();
  for (const warning of warnings) process.stderr.write(`warning: ${formatMistake(warning)}\n`);
  for (const { id, name, connectors } of companies.values()) {
    const list = [...connectors.keys()].join(", ") || "no connectors";
    process.stdout.write(`${id} (${name}): ${list}\n`);
  }
  process.stdout.write("the configuration is valid\n");
  return 0;
}

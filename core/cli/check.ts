/** deskwire check: all mistakes of the configuration at once, and faults of articles, without starting anything. */
import { formatMistake } from "../../config/mistakes.ts";
import { loadKnowledge } from "../llm/knowledge.ts";
import { projectConfig } from "./project.ts";

/** @throws ConfigError with all mistakes */
export async function check(project: string): Promise<number> {
  const { companies, warnings, stateDir } = await projectConfig(project, false).load();
  for (const warning of warnings) process.stderr.write(`warning: ${formatMistake(warning)}\n`);
  for (const company of companies.values()) {
    const { articles, macros, problems } = await loadKnowledge(company);
    for (const { file, line, message } of problems) {
      process.stderr.write(`warning: ${company.id}: ${file}${line ? `:${line}` : ""}: ${message}\n`);
    }
    const list = [...company.connectors.keys()].join(", ") || "no connectors";
    const known = `${articles.length} articles, ${macros.length} macros`;
    process.stdout.write(`${company.id} (${company.name}): ${list}; ${known}\n`);
  }
  process.stdout.write(`data and generated secrets: ${stateDir}\nthe configuration is valid\n`);
  return 0;
}

/** The drafter of a company, as its config asks for. */
import type { DrafterConfig } from "../../config/schema.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import type { Breakers } from "../lib/breakers.ts";
import { asksLlm, type Drafter } from "./drafter.ts";
import type { Knowledge } from "./knowledge.ts";
import { createOfflineDrafter } from "./offline.ts";
import { createOpenAiDrafter } from "./openai.ts";

export interface CompanyDrafterOptions {
  company: { id: string; name: string };
  config: DrafterConfig;
  knowledge: Knowledge;
  log: Log;
  /** Shared by the companies that use the same LLM. */
  breakers?: Breakers;
}

/** An LLM where a key or a base URL is set, otherwise the offline drafter. Cheap enough to be made anew at each change. */
export function createCompanyDrafter({
  company,
  config,
  knowledge,
  log,
  breakers,
}: CompanyDrafterOptions): Drafter {
  const online = asksLlm(config);
  const drafter = online
    ? createOpenAiDrafter({ config, knowledge, log, ...(breakers && { breakers }) })
    : createOfflineDrafter({ knowledge });
  const counts = { articles: knowledge.articles.length, macros: knowledge.macros.length };
  log.info(
    `drafts for ${company.name} come from ${online ? drafter.name : "its own articles, without an LLM"}`,
    counts,
  );
  return drafter;
}

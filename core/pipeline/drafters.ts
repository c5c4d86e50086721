/** The drafters of the companies, made when first needed and again when a company's config or articles change. */
import type { CompanyDirectory } from "../../config/directory.ts";
import type { Company } from "../../config/types.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import type { Breakers } from "../lib/breakers.ts";
import type { Drafter } from "../llm/drafter.ts";
import { companyOf } from "./step.ts";

export interface Drafters {
  of(companyId: string): Promise<Drafter>;
}

async function makeDrafter(company: Company, log: Log, breakers?: Breakers): Promise<Drafter> {
  // Loaded with the first draft: an idle node does without what they weigh.
  const [{ createCompanyDrafter }, { loadKnowledge }] = await Promise.all([
    import("../llm/company-drafter.ts"),
    import("../llm/knowledge.ts"),
  ]);
  const knowledge = await loadKnowledge(company);
  for (const { file, line, message } of knowledge.problems) {
    log.warn("an article or macro has a fault", {
      company: company.id,
      file: line ? `${file}:${line}` : file,
      problem: message,
    });
  }
  return createCompanyDrafter({
    company,
    config: company.drafter,
    knowledge,
    log,
    ...(breakers && { breakers }),
  });
}

/** @param breakers shared by companies that use the same LLM */
export function createDrafters(directory: CompanyDirectory, log: Log, breakers?: Breakers): Drafters {
  const made = new Map<string, { digest: string; drafter: Promise<Drafter> }>();
  return {
    async of(companyId) {
      const company = companyOf(directory, companyId);
      const known = made.get(companyId);
      if (known?.digest === company.digest) return known.drafter;
      const drafter = makeDrafter(company, log, breakers);
      const entry = { digest: company.digest, drafter };
      made.set(companyId, entry);
      // A folder that could not be read is tried again with the next message.
      drafter.catch(() => made.get(companyId) === entry && made.delete(companyId));
      return drafter;
    },
  };
}

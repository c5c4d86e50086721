/** The LLMs that companies have chosen to ask for labels, made when first needed and again when a company's config changes. */
import type { CompanyDirectory } from "../../config/directory.ts";
import type { Company } from "../../config/types.ts";
import type { Breakers } from "../lib/breakers.ts";
import { createGate } from "../lib/gate.ts";
import { asksLlm } from "../llm/drafter.ts";
import type { LabelBook, Labeller } from "../llm/labeller.ts";

export interface Labellers {
  /** Undefined where the company does not want it (`classifier.llm`), or has no LLM. */
  of(companyId: string): Promise<Labeller> | undefined;
}

export interface LabellersParts {
  directory: CompanyDirectory;
  /** Shared with the drafters. */
  breakers: Breakers;
  /** For companies without labels of their own. */
  labels: LabelBook;
  /** Calls at once, of all companies together. */
  concurrency: number;
}

export function createLabellers({ directory, breakers, labels, concurrency }: LabellersParts): Labellers {
  const made = new Map<string, { digest: string; labeller: Promise<Labeller> }>();
  // A bound for the calls at once alone: so many may begin in each millisecond.
  const gate = createGate({ requests: concurrency, perMs: 1, concurrency });
  const make = async ({ name, drafter, classifier }: Company): Promise<Labeller> => {
    // Loaded with the first message that asks for it: others do without what it weighs.
    const { createLabeller } = await import("../llm/labeller.ts");
    const { type = labels.type, department = labels.department } = classifier.labels;
    return createLabeller({
      companyName: name,
      config: drafter,
      labels: { type, department },
      breakers,
      gate,
    });
  };
  return {
    of(companyId) {
      const company = directory.get(companyId);
      if (!company?.classifier.llm || !asksLlm(company.drafter)) return undefined;
      const known = made.get(companyId);
      if (known?.digest === company.digest) return known.labeller;
      const labeller = make(company);
      made.set(companyId, { digest: company.digest, labeller });
      return labeller;
    },
  };
}

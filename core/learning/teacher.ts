/** When companies' classifiers are trained: soon after a correction or other labels, and each night; each company on one node at a time. */
import type { CompanyDirectory } from "../../config/directory.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import { firstIdAt } from "../lib/ids.ts";
import { type DueTraining, listDueTrainings } from "../store/trainings.ts";
import { withLease } from "../store/with-lease.ts";
import { lastNight } from "./night.ts";
import { digestOfLabels, fewestLessons, type TeachParts, teach } from "./teach.ts";

/** Milliseconds between two looks at who has something to learn: corrections of one moment are learnt together. */
const usualLookMs = 2_000;
/** Trainings at a time that one node asks for. */
const sideBySide = 2;

export interface TeacherParts extends TeachParts {
  directory: CompanyDirectory;
  /** This node's name, as the holder of leases. */
  node: string;
  /** The hour of the nightly training, 0 to 23, local time. */
  nightlyHour: number;
  /** False while nobody trains: then nothing is asked for. Default: always true. */
  ready?(): boolean;
  /**
   * False while other nodes have another config: then other labels do not count, since each node would train with its own over and
   * over. Default: always true.
   */
  agreed?(): boolean;
  /** Default: the clock. */
  now?(): Date;
  /** Tests alone change it. */
  lookMs?: number;
}

export interface Teacher {
  /** Gives up trainings under way: they are begun again by whoever starts next. */
  stop(): Promise<void>;
}

/** The lease under which a company is trained for. */
export const leaseOf = (company: string) => `training:${company}`;

async function findDue(
  { db, directory, nightlyHour, agreed = () => true, now = () => new Date() }: TeacherParts,
  only?: string,
): Promise<DueTraining[]> {
  const isAgreed = agreed();
  const companies = directory
    .all()
    .filter(({ id }) => only === undefined || id === only)
    .map((company) => ({
      company: company.id,
      night: firstIdAt(lastNight(company.id, nightlyHour, now())),
      labels: isAgreed ? digestOfLabels(company) : null,
    }));
  return companies.length > 0 ? listDueTrainings(db, companies, fewestLessons) : [];
}

/** Corrections are noticed by looking for them, so it does not matter which node has stored them, or whether any was there. */
export function startTeacher(parts: TeacherParts): Teacher {
  const { directory, log, ready = () => true, lookMs = usualLookMs } = parts;
  const abort = new AbortController();
  const underWay = new Map<string, Promise<void>>();
  /** Companies with too few lessons that were told of. */
  const told = new Set<string>();
  let looking: Promise<void> | undefined;

  const run = async (id: string) => {
    try {
      await withLease(parts, leaseOf(id), abort.signal, async (held) => {
        // Another node may have come to its end just before.
        const [due] = await findDue(parts, id);
        const company = directory.get(id);
        if (due && company) await teach(parts, { company, reason: due.reason, actor: "hub" }, held);
      });
    } catch (error) {
      // It is written down and told already, where it was not this node's own end.
      log.debug("a training ended early", { company: id, error: describeError(error) });
    }
  };

  const look = async () => {
    if (!ready()) return;
    for (const { company, tickets } of await findDue(parts)) {
      if (tickets < fewestLessons) {
        if (!told.has(company)) log.debug("a company has too few lessons yet", { company, tickets });
        told.add(company);
        continue;
      }
      if (abort.signal.aborted || underWay.size >= sideBySide) return;
      if (underWay.has(company)) continue;
      underWay.set(
        company,
        run(company).finally(() => underWay.delete(company)),
      );
    }
  };

  const tick = () => {
    looking ??= look()
      .catch((error) => log.warn("what is to be learnt could not be found", { error: describeError(error) }))
      .finally(() => {
        looking = undefined;
      });
  };
  const timer = setInterval(tick, lookMs);
  return {
    async stop() {
      clearInterval(timer);
      abort.abort(new Error("companies are no longer trained for"));
      await looking;
      await Promise.all(underWay.values());
    },
  };
}

/** deskwire replay: dead letters back to the stage where they died; a running hub takes them up by itself. */
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { isId } from "../lib/ids.ts";
import { audit } from "../store/audit.ts";
import { revive } from "../store/progress.ts";
import { openProject } from "./open-project.ts";

export interface ReplayOptions {
  company: string | null;
  /** Must be said where neither a company nor messages are named. */
  all: boolean;
  /** Message ids. */
  ids: string[];
}

/** @returns the exit code; prints how many came back */
export async function replay(project: string, { company, all, ids }: ReplayOptions): Promise<number> {
  const wrong = ids.find((id) => !isId(id));
  if (wrong !== undefined) throw new ConnectorError("config", `"${wrong}" is not the id of a message`);
  if (!all && company === null && ids.length === 0) {
    throw new ConnectorError("config", "say which: --company ID, message ids, or --all");
  }
  const { db, close } = await openProject(project, "replay");
  try {
    const revived = await revive(db, { company, ids: ids.length > 0 ? ids : null });
    if (revived.length > 0) {
      const entry = { actor: "operator", action: "message.replayed" as const };
      await audit(
        db,
        revived.map(({ id, company, stage }) => ({ ...entry, company, subject: id, detail: { stage } })),
      );
    }
    process.stdout.write(`${revived.length} ${revived.length === 1 ? "message" : "messages"} brought back\n`);
    return 0;
  } finally {
    await close();
  }
}

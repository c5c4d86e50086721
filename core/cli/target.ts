/** What a command is told to work on: a company, or a connector to read old messages of, as COMPANY/CONNECTOR. */
import type { Company, ConnectorInstance } from "../../config/types.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";

/** @throws ConnectorError of kind `config` that tells what there is instead */
export function findCompany(all: readonly Company[], id: string | undefined): Company {
  const company = all.find((one) => one.id === id);
  if (company) return company;
  const there = all.map((one) => one.id).join(", ") || "none";
  const missing = id === undefined ? "say which company" : `there is no company "${id}"`;
  throw new ConnectorError("config", `${missing}; there is: ${there}`);
}

/**
 * @param all the companies in force
 * @param advice what to do where the connector cannot read what is old, as a sentence
 * @throws ConnectorError of kind `config` that tells what there is instead
 */
export function findTarget(
  all: readonly Company[],
  target: string,
  advice?: string,
): { company: Company; connector: ConnectorInstance } {
  const [id, ...rest] = target.split("/");
  const instance = rest.join("/");
  const company = all.find((one) => one.id === id);
  const connector = company?.connectors.get(instance);
  if (company && connector?.spec.pull?.backfill) return { company, connector };
  const able = all.flatMap(({ id, connectors }) =>
    [...connectors.values()]
      .filter(({ spec }) => spec.pull?.backfill)
      .map(({ instance }) => `${id}/${instance}`),
  );
  const instead = able.length > 0 ? `those that can: ${able.join(", ")}` : "no connector of this project can";
  if (connector) {
    const unable = `${target} cannot read what is old; ${instead}`;
    throw new ConnectorError("config", advice === undefined ? unable : `${unable}. ${advice}`);
  }
  const there = company ? [...company.connectors.keys()] : all.map((one) => one.id);
  const known = there.join(", ") || "none";
  const missing = company
    ? `the company "${id}" has no connector "${instance}"; it has: ${known}`
    : `there is no company "${id}"; there is: ${known}`;
  throw new ConnectorError("config", `${missing}. Say COMPANY/CONNECTOR; ${instead}`);
}

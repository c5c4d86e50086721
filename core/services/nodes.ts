/** What a node knows of the others: who is there, what they do, and who works for whom. */
import { hash } from "node:crypto";
import { Errors, type ServiceBroker } from "moleculer";
import { type Role, roles } from "../../config/schema.ts";
import type { NodeMetadata } from "./broker.ts";
import type { Link } from "./broker-link.ts";

export interface KnownNode {
  id: string;
  roles: readonly Role[];
  config: string | null;
}

export interface Nodes {
  /** This node's name. */
  readonly here: string;
  readonly link: Link;
  /** Those that are there now, this one among them. */
  list(): KnownNode[];
  /** The node that has the action and works for the key: the same one for all callers while the nodes stay the same. */
  ownerOf(action: string, key: string): string | undefined;
  /** Calls an action on each node that has it. @returns the answers; null where a node did not answer in time */
  ask<T>(
    action: string,
    params: object,
    timeoutMs: number,
  ): Promise<Array<{ node: string; answer: T | null }>>;
  /** Tells the others of the config that is in force here. */
  tellConfig(digest: string): void;
}

/** What the broker's registry keeps, as far as it is used here. */
interface Registry {
  nodes: { toArray(): Array<{ id: string; available: boolean; local: boolean; metadata: unknown }> };
  actions: { get(name: string): { endpoints: Array<{ id: string; isAvailable: boolean }> } | undefined };
  regenerateLocalRawInfo(newSequence: boolean): void;
  discoverer: { sendLocalNodeInfo(): Promise<void> };
}

export function createNodes(broker: ServiceBroker, link: Link): Nodes {
  const registry = broker.registry as unknown as Registry;
  const here = broker.nodeID;
  /** While NATS is away, what is known of the others is of no use. */
  const isReachable = (id: string) => id === here || link.connected;
  const holders = (action: string): string[] =>
    (registry.actions.get(action)?.endpoints ?? [])
      .filter(({ id, isAvailable }) => isAvailable && isReachable(id))
      .map(({ id }) => id);
  return {
    here,
    link,
    list: () =>
      registry.nodes
        .toArray()
        .filter(({ id, available }) => available && isReachable(id))
        .map(({ id, metadata }) => {
          const told = (metadata ?? {}) as Partial<NodeMetadata>;
          return {
            id,
            roles: roles.filter((role) => told.roles?.includes(role)),
            config: told.config ?? null,
          };
        })
        .sort((a, b) => (a.id < b.id ? -1 : 1)),
    ownerOf(action, key) {
      const ids = holders(action);
      if (ids.length < 2) return ids[0];
      // The highest hash wins: a node that comes or goes moves only its own share.
      let best: { id: string; weight: string } | undefined;
      for (const id of ids) {
        const weight = hash("sha1", `${id} ${key}`);
        if (!best || weight > best.weight) best = { id, weight };
      }
      return best?.id;
    },
    ask: <T>(action: string, params: object, timeoutMs: number) =>
      Promise.all(
        holders(action).map(async (node) => {
          try {
            return {
              node,
              answer: await broker.call<T, object>(action, params, { nodeID: node, timeout: timeoutMs }),
            };
          } catch (error) {
            // It is going, hangs, or is cut off; whoever asks says so.
            if (error instanceof Errors.MoleculerRetryableError) return { node, answer: null };
            throw error;
          }
        }),
      ),
    tellConfig(digest) {
      const metadata = broker.metadata as unknown as NodeMetadata;
      if (metadata.config === digest) return;
      metadata.config = digest;
      if (!broker.transit) return;
      registry.regenerateLocalRawInfo(true);
      if (link.connected) void registry.discoverer.sendLocalNodeInfo();
    },
  };
}

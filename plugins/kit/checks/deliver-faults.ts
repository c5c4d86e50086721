/** Rules of `deliver` while the other side refuses, fails, is silent or breaks off. */
import { isConnectorError } from "../../contract/errors.ts";
import { retryAfterSeconds } from "../http.ts";
import { ensure, ensureKind, type Rule } from "../rule.ts";
import { draftFor, includesText, type Stage } from "../stage.ts";
import { endsWithin, eventually, thrownBy } from "../waiting.ts";
import type { FaultKind } from "../world.ts";

const faultRules: Array<{ kind: FaultKind; name: string; expected: string }> = [
  {
    kind: "refused-credentials",
    name: "deliver: refused credentials are an error of kind auth",
    expected: "auth",
  },
  {
    kind: "rate-limited",
    name: "deliver: a request to slow down is an error of kind rate_limited",
    expected: "rate_limited",
  },
  {
    kind: "server-error",
    name: "deliver: an error of the other side's own is an error of kind transient",
    expected: "transient",
  },
  {
    kind: "silent",
    name: "deliver: an answer that never comes is an error of kind transient",
    expected: "transient",
  },
  {
    kind: "cut",
    name: "deliver: an answer that breaks off is an error of kind transient",
    expected: "transient",
  },
];

/** Signs in and delivers once while all is well. */
async function warmUp(stage: Stage): Promise<void> {
  await stage.host.put(draftFor(await stage.customer()));
}

function ruleOf({ kind, name, expected }: (typeof faultRules)[number]): Rule {
  return {
    name,
    covers: "deliver",
    async run(stage) {
      const { host, patience } = stage;
      await warmUp(stage);
      const draft = draftFor(await stage.customer());
      await stage.cause(kind);
      // Limits and breakdowns strike at any time, refused credentials when it signs in.
      if (kind === "refused-credentials") await host.close(stage.patience.promptMs);
      const putting = thrownBy(() => host.put(draft));
      ensure(
        await endsWithin(putting, patience.failMs),
        `no error came within ${patience.failMs} ms (${kind})`,
      );
      const error = await putting;
      if (error === undefined) {
        await stage.mend();
        const found = (await stage.side.found?.()) ?? [];
        const isThere = found.some(({ text }) => includesText(text, draft.text));
        ensure(
          isThere && kind === "cut",
          `the draft counts as delivered, although the other side failed (${kind})`,
        );
        return;
      }
      ensureKind(error, [expected], `under ${kind}`);
      if (kind !== "rate-limited" || !stage.isOwnFault) return;
      const asked = isConnectorError(error) ? error.retryAfterMs : undefined;
      ensure((asked ?? 0) > (retryAfterSeconds - 10) * 1_000, `its Retry-After got lost: ${asked}`);
    },
  };
}

export const deliverFaultRules: Rule[] = [
  ...faultRules.map(ruleOf),
  {
    name: "deliver: an abort ends a delivery at once",
    covers: "deliver",
    async run(stage) {
      const { host, world, patience } = stage;
      await warmUp(stage);
      const draft = draftFor(await stage.customer());
      const client = await host.client();
      await stage.cause("hang");
      const abort = new AbortController();
      const { calls } = host.http;
      // Past the host, which would let go of it by itself.
      const putting = (async () => world.spec.deliver?.put(client, draft, abort.signal))();
      if (stage.isOwnFault) {
        const isUnderWay = () => host.http.calls > calls;
        await eventually("a request of the delivery", patience.arriveMs, isUnderWay);
      }
      abort.abort(new Error("the node stops"));
      const ended = await endsWithin(putting, patience.promptMs);
      ensure(ended, `it still delivers ${patience.promptMs} ms after its signal aborted`);
    },
  },
];

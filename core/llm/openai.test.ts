import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type FixtureFileResponse, LLMock } from "@copilotkit/aimock";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { drafterSchema } from "../../config/schema.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { createCompanyDrafter } from "./company-drafter.ts";
import type { DraftRequest } from "./drafter.ts";
import type { Knowledge } from "./knowledge.ts";
import { unwrapAnswer } from "./openai-answer.ts";
import { retryAfter } from "./openai-errors.ts";

const key = "sk-test-0123456789abcdef";
const customerWords = "My order number 4711 has not arrived, where is it?";
const reply =
  "Hello Ann,\n\nyour parcel is on its way. Please send us the order number and the address, and we open a search with the carrier.\n\nKind regards\nFjordline Outdoor";

const knowledge: Knowledge = {
  articles: [
    {
      path: "knowledge/tracking.md",
      title: "Track your order",
      language: "en",
      url: "https://shop.example/track",
      keywords: ["where is it", "not arrived"],
      sections: [{ heading: null, text: "We open a search with the carrier." }],
    },
  ],
  macros: [],
  problems: [],
  digest: "1",
};

const request: DraftRequest = {
  company: "demo",
  companyName: "Fjordline Outdoor",
  conversation: [
    { from: "requester", name: "Ann", text: customerWords, at: new Date("2026-03-02T10:00:00Z") },
  ],
  subject: null,
  requesterName: "Ann",
  language: "en",
  labels: null,
};

const mock = new LLMock({ port: 0 });
let logged: string[] = [];
const write = (message: string, fields?: unknown) => logged.push(message + JSON.stringify(fields ?? {}));
const log: Log = { debug: write, info: write, warn: write, error: write };

beforeAll(async () => {
  await mock.start();
});
afterAll(async () => {
  await mock.stop();
});
beforeEach(() => {
  logged = [];
});
afterEach(() => {
  mock.clearFixtures().clearChaos().clearRequests();
});

function drafterAt(baseUrl: string, fields: Record<string, unknown> = {}) {
  const config = drafterSchema.parse({ baseUrl, key, model: "test-model", timeoutMs: 1_000, ...fields });
  return createCompanyDrafter({ company: { id: "demo", name: "Demo" }, config, knowledge, log });
}

const draft = (signal = new AbortController().signal, fields: Record<string, unknown> = {}) =>
  drafterAt(`${mock.url}/v1`, fields).draft(request, signal);

function answers(response: FixtureFileResponse): void {
  mock.onMessage(/./, response);
}

async function failure(work: Promise<unknown>): Promise<ConnectorError> {
  const error = await work.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConnectorError);
  const fault = error as ConnectorError;
  // Neither the key nor the customer's words leave by an error.
  for (const text of [fault.message, String(fault.cause ?? ""), ...logged]) {
    expect(text).not.toContain(key);
    expect(text).not.toContain("4711");
  }
  return fault;
}

describe("a draft by an LLM", () => {
  test("comes with its model, usage and sources, after one call with rules and sources", async () => {
    answers({
      content: reply,
      model: "test-model-2026",
      usage: { prompt_tokens: 50, completion_tokens: 20 },
    });
    const result = await draft();
    expect(result).toEqual({
      text: reply,
      language: "en",
      writtenBy: "test-model-2026",
      sources: [
        {
          title: "Track your order",
          path: "knowledge/tracking.md",
          score: expect.any(Number),
          url: "https://shop.example/track",
        },
      ],
      usage: { promptTokens: 50, completionTokens: 20 },
      notes: [],
    });
    expect(mock.getRequests()).toHaveLength(1);
    const body = JSON.stringify(mock.getLastRequest()?.body);
    expect(body).toContain("We open a search with the carrier.");
    expect(body).toContain('"max_tokens":700');
    expect(logged.join()).not.toContain("4711");
  });

  test("loses its wrapping, and gives what an agent must check as notes", async () => {
    answers({
      content: `Sure, here is a draft:\n\n\`\`\`\nSubject: Your parcel\n\n${reply}\nCHECK: the address\n\`\`\``,
    });
    const result = await draft();
    expect(result.text).toBe(reply);
    expect(result.notes).toEqual(["Please check: the address"]);
  });

  test("in the wrong language is asked for once more, and taken with a note if that does not help", async () => {
    const russian =
      "Здравствуйте, Анна! Ваша посылка уже в пути. Пришлите, пожалуйста, номер заказа и адрес, и мы откроем розыск у перевозчика. С уважением, Fjordline Outdoor";
    mock.on({ systemMessage: "in no other language" }, { content: reply });
    answers({ content: russian });
    expect(await draft()).toMatchObject({ text: reply, language: "en", notes: [] });
    expect(mock.getRequests()).toHaveLength(2);
    mock.clearFixtures().clearRequests();
    answers({ content: russian });
    expect(await draft()).toMatchObject({
      text: russian,
      language: "ru",
      notes: [expect.stringContaining("English")],
    });
    expect(mock.getRequests()).toHaveLength(2);
  });

  test("is asked for in the dialect of newer models after they refuse a parameter", async () => {
    const seen: unknown[] = [];
    const refuse = (param: string) => ({
      status: 400,
      error: {
        message: `Unsupported: ${param}`,
        type: "invalid_request_error",
        code: "unsupported_parameter",
        param,
      },
    });
    await serving(
      (req, res) => {
        let text = "";
        req.on("data", (chunk) => {
          text += chunk;
        });
        req.on("end", () => {
          const body = JSON.parse(text);
          seen.push(body);
          const refused = body.max_tokens
            ? refuse("max_tokens")
            : body.temperature
              ? refuse("temperature")
              : null;
          res.writeHead(refused?.status ?? 200, { "content-type": "application/json" });
          res.end(
            JSON.stringify(refused ?? { choices: [{ message: { content: reply }, finish_reason: "stop" }] }),
          );
        });
      },
      async (url) => {
        const drafter = drafterAt(url);
        expect((await drafter.draft(request, new AbortController().signal)).text).toBe(reply);
        await drafter.draft(request, new AbortController().signal);
        expect(seen).toHaveLength(4);
      },
    );
  });

  test("needs no key at a local server", async () => {
    answers({ content: reply });
    expect((await draft(undefined, { key: undefined })).text).toBe(reply);
  });
});

describe("a failed call", () => {
  test.each([
    [401, "auth", undefined],
    [403, "auth", undefined],
    [404, "config", undefined],
    [400, "config", undefined],
    [400, "permanent", "content_filter"],
    [400, "permanent", "context_length_exceeded"],
    [413, "permanent", undefined],
    [408, "transient", undefined],
    [500, "transient", undefined],
    [503, "transient", undefined],
  ])("with status %i is of the kind %s (code %s)", async (status, kind, code) => {
    answers({ status, error: { message: `No: ${key} said "${customerWords}"`, ...(code ? { code } : {}) } });
    const error = await failure(draft());
    expect(error.kind).toBe(kind);
    expect(mock.getRequests()).toHaveLength(1);
  });

  test("quotes what a server says of a wrong model", async () => {
    answers({ status: 404, error: { message: "The model `test-model` does not exist" } });
    expect((await failure(draft())).message).toContain("does not exist");
  });

  test("with 429 waits as long as the server asks", async () => {
    answers({ status: 429, error: { message: "Slow down" }, retryAfter: 7 });
    expect(await failure(draft())).toMatchObject({ kind: "rate_limited", retryAfterMs: 7_000 });
  });

  test("with a used up quota waits for minutes", async () => {
    answers({ status: 429, error: { message: "No quota", code: "insufficient_quota" }, retryAfter: 1 });
    const error = await failure(draft());
    expect(error.kind).toBe("rate_limited");
    expect(error.retryAfterMs).toBeGreaterThanOrEqual(60_000);
  });

  test.each([
    ["a dropped connection", { disconnectRate: 1 }],
    ["a malformed body", { malformedRate: 1 }],
    ["a failing server", { dropRate: 1 }],
  ])("by %s is transient", async (_, chaos) => {
    answers({ content: reply });
    mock.setChaos(chaos);
    expect((await failure(draft())).kind).toBe("transient");
  });

  test("by a server that is not there is transient", async () => {
    const url = await serving(
      (_, res) => res.end(),
      async (address) => address,
    );
    const error = await failure(drafterAt(url).draft(request, new AbortController().signal));
    expect(error.kind).toBe("transient");
    expect(error.message).toContain("ECONNREFUSED");
  });

  test("by a body that is cut in the middle is transient", async () => {
    await serving(
      (_, res) => {
        res.writeHead(200, { "content-type": "application/json", "content-length": "500" });
        res.write('{"choices":[');
        setTimeout(() => res.destroy(), 20);
      },
      async (url) => {
        const error = await failure(drafterAt(url).draft(request, new AbortController().signal));
        expect(error.kind).toBe("transient");
      },
    );
  });

  test.each([
    ["answers too late", 0],
    ["stops in the middle of its answer", 200],
    ["stops in the middle of an error", 500],
  ])("by a server that %s is transient, in time", async (_, status) => {
    await serving(
      (_, res) => {
        if (status === 0) return;
        res.writeHead(status, { "content-type": "application/json" });
        res.write('{"choices":[');
      },
      async (url) => {
        const started = performance.now();
        const error = await failure(drafterAt(url).draft(request, new AbortController().signal));
        expect(error.kind).toBe("transient");
        expect(performance.now() - started).toBeLessThan(3_000);
      },
    );
  });

  test("by our own stop throws the signal's reason", async () => {
    answers({ content: reply });
    mock.setChaos({ latencyMs: 5_000 });
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    const error = await draft(stop.signal).catch((reason: unknown) => reason);
    expect(error).toBe(stop.signal.reason);
    await expect(draft(AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("an unusable answer", () => {
  test.each<[string, FixtureFileResponse, string]>([
    ["empty", { content: "" }, "transient"],
    ["blank", { content: " \n " }, "transient"],
    ["cut off", { content: reply, finishReason: "length" }, "transient"],
    ["filtered", { content: reply, finishReason: "content_filter" }, "permanent"],
    ["too long", { content: "word ".repeat(5_000) }, "transient"],
    ["with a NUL", { content: "Hello\u0000" }, "transient"],
    ["with a lone surrogate", { content: "Hello \ud83d" }, "transient"],
  ])("that is %s is refused", async (_, response, kind) => {
    answers(response);
    expect((await failure(draft())).kind).toBe(kind);
  });

  test.each(["{}", "[]", "null", '{"choices":[]}', '{"choices":[{"message":"hi"}]}', '"text"', ""])(
    "of the form %s is refused",
    async (body) => {
      await serving(
        (_, res) => {
          res.writeHead(200, { "content-type": "application/json" });
          res.end(body);
        },
        async (url) => {
          const error = await failure(drafterAt(url).draft(request, new AbortController().signal));
          expect(error.kind).toBe("transient");
        },
      );
    },
  );
});

test("without key and base URL no LLM is asked", async () => {
  const config = drafterSchema.parse({});
  const drafter = createCompanyDrafter({ company: { id: "demo", name: "Demo" }, config, knowledge, log });
  expect(drafter.name).toBe("offline");
  expect((await drafter.draft(request, new AbortController().signal)).writtenBy).toBe("offline");
});

test("retry-after is read in seconds, as a date and in milliseconds", () => {
  const now = () => Date.parse("2026-03-02T10:00:00Z");
  const read = (headers: Record<string, string>) => retryAfter(new Headers(headers), now);
  expect(read({ "retry-after": "1.5" })).toBe(1_500);
  expect(read({ "retry-after": "Mon, 02 Mar 2026 10:00:30 GMT" })).toBe(30_000);
  expect(read({ "retry-after": "Mon, 02 Mar 2026 09:00:00 GMT" })).toBe(0);
  expect(read({ "retry-after-ms": "250", "retry-after": "9" })).toBe(250);
  expect(read({ "retry-after": "999999999" })).toBe(3_600_000);
  expect(read({ "retry-after": "soon" })).toBeUndefined();
  expect(read({})).toBeUndefined();
});

test("a reply's own words are not taken for wrapping", () => {
  const own = "Hello,\n\nhere is what your draft order needs:\n- a size\n- a colour";
  expect(unwrapAnswer(own)).toEqual({ text: own, checks: [] });
  expect(unwrapAnswer("Thank you for your reply:\nit helps.").text).toBe(
    "Thank you for your reply:\nit helps.",
  );
  expect(unwrapAnswer("<think>They want\n\na refund</think>\nHello").text).toBe("Hello");
});

/** Runs `work` with a server's address, and closes it. */
async function serving<T>(listener: RequestListener, work: (url: string) => Promise<T>): Promise<T> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

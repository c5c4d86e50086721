/** An answer in `fetch`'s form whose body is here already. */

/** What an answer consists of. */
export interface WholeAnswer {
  url: string;
  status: number;
  statusText: string;
  headers: Record<string, string | string[] | undefined>;
  /** Decoded; null where there is none. */
  body: Buffer | null;
}

function toHeaders(given: WholeAnswer["headers"]): Headers {
  const headers = new Headers();
  for (const name of Object.keys(given)) {
    const value = given[name];
    if (typeof value === "string") headers.append(name, value);
    else for (const one of value ?? []) headers.append(name, one);
  }
  return headers;
}

const byteOrderMark = 0xfeff;

/**
 * To the caller a `Response` like any other. A native one makes a stream of its body and takes that apart again, which costs as
 * much as all the rest of a request; here one is made only for what is seldom asked for (`body`, `blob`, `formData`).
 */
class WholeResponse implements Pick<Response, keyof Response> {
  readonly redirected = false;
  readonly type = "default";
  readonly #answer: WholeAnswer;
  #headers: Headers | undefined;
  #native: Response | undefined;
  #used = false;

  constructor(answer: WholeAnswer) {
    this.#answer = answer;
  }
  get url() {
    return this.#answer.url;
  }
  get status() {
    return this.#answer.status;
  }
  get statusText() {
    return this.#answer.statusText;
  }
  get ok() {
    return this.status >= 200 && this.status <= 299;
  }
  get headers() {
    this.#headers ??= toHeaders(this.#answer.headers);
    return this.#headers;
  }
  get body() {
    return this.#answer.body === null ? null : this.#asNative().body;
  }
  get bodyUsed() {
    return this.#used || (this.#native?.bodyUsed ?? false);
  }
  async text() {
    const text = this.#take().toString("utf8");
    return text.charCodeAt(0) === byteOrderMark ? text.slice(1) : text;
  }
  async json() {
    return JSON.parse(await this.text());
  }
  async bytes() {
    return new Uint8Array(this.#take());
  }
  async arrayBuffer() {
    return (await this.bytes()).buffer;
  }
  blob() {
    return this.#asNative().blob();
  }
  formData() {
    return this.#asNative().formData();
  }
  clone(): Response {
    if (this.bodyUsed) throw new TypeError("Body has already been used");
    return toWholeResponse(this.#answer);
  }
  #take(): Buffer {
    if (this.bodyUsed) throw new TypeError("Body is unusable: it has already been read");
    const { body } = this.#answer;
    this.#used = body !== null;
    return body ?? Buffer.alloc(0);
  }
  #asNative(): Response {
    if (this.#used) throw new TypeError("Body is unusable: it has already been read");
    const { status, statusText, body } = this.#answer;
    const { headers } = this;
    this.#native ??= new Response(body as Uint8Array<ArrayBuffer> | null, { status, statusText, headers });
    return this.#native;
  }
}

// Who asks with `instanceof` gets the answer that is meant.
Object.setPrototypeOf(WholeResponse.prototype, Response.prototype);

export function toWholeResponse(answer: WholeAnswer): Response {
  return new WholeResponse(answer) as Response;
}

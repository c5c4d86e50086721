/** Why a request to another system has no answer. */

/** Its message names neither an address nor a header. */
export class HttpFailure extends Error {
  /** `invalid`: the request could not be made; `garbage`: what came is no HTTP. */
  readonly kind: "invalid" | "timeout" | "unreachable" | "garbage";
  /** What the socket said, such as ECONNREFUSED. */
  readonly code: string | undefined;
  constructor(kind: HttpFailure["kind"], message: string, cause?: Error) {
    super(message, kind === "invalid" ? {} : { cause });
    this.name = "HttpFailure";
    this.kind = kind;
    this.code = kind === "invalid" ? undefined : (cause as NodeJS.ErrnoException | undefined)?.code;
  }
}

/** The other side sends more than is taken. */
export class BodyTooLarge extends Error {
  constructor(limit: number) {
    super(`the answer is larger than ${limit} bytes`);
    this.name = "BodyTooLarge";
  }
}

/** Answers of other systems, read up to a limit: what never ends must not fill the memory. */

/** The other side sends more than is taken. */
export class BodyTooLarge extends Error {
  constructor(limit: number) {
    super(`the answer is larger than ${limit} bytes`);
    this.name = "BodyTooLarge";
  }
}

/**
 * The same response, whose body fails with `BodyTooLarge` once more than `limit` bytes have come.
 * A body with a known size within the limit stays as it is.
 */
export function limitBody(response: Response, limit: number): Response {
  const { body, status, statusText, headers } = response;
  if (body === null) return response;
  const announced = Number(headers.get("content-length") ?? Number.NaN);
  // The size of an encoded body says nothing of what comes out of it.
  if (announced <= limit && !headers.has("content-encoding")) return response;
  let size = 0;
  const counted = body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        size += chunk.length;
        if (size > limit) controller.error(new BodyTooLarge(limit));
        else controller.enqueue(chunk);
      },
    }),
  );
  return new Response(counted, { status, statusText, headers });
}

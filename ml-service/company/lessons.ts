/** Reads data sets of lessons. */
import { ModelError } from "../model-error.ts";
import { type Lesson, lessonSchema } from "../train-schema.ts";

/** @param bytes JSON lines @throws ModelError where a line is no lesson */
export function readLessons(bytes: Uint8Array): Lesson[] {
  const lines = new TextDecoder().decode(bytes).split("\n");
  return lines.flatMap((line, at) => {
    if (line.trim() === "") return [];
    try {
      return [lessonSchema.parse(JSON.parse(line))];
    } catch (cause) {
      throw new ModelError(`line ${at + 1} of the data set is no lesson: export it again`, { cause });
    }
  });
}

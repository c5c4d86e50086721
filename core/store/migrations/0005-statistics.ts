/** Takes long texts out of what PostgreSQL learns about tables: no plan goes by them, and to look through samples of them costs. */
import type { Knex } from "knex";

const columns: Record<string, string[]> = {
  messages: ["text", "quoted", "html", "source_data"],
  classifications: ["detail"],
  drafts: ["text", "sources", "notes", "usage"],
  audit_log: ["detail"],
};
/** Indexes over expressions, each with one column. */
const indexes = ["messages_words", "tickets_words", "tickets_code"];

function set(target: number): string {
  const ofTables = Object.entries(columns).map(([table, names]) => {
    const changes = names.map((name) => `ALTER COLUMN ${name} SET STATISTICS ${target}`);
    return `ALTER TABLE ${table} ${changes.join(", ")}`;
  });
  const ofIndexes = indexes.map((index) => {
    const column = index === "tickets_code" ? 3 : 1;
    return `ALTER INDEX ${index} ALTER COLUMN ${column} SET STATISTICS ${target}`;
  });
  return [...ofTables, ...ofIndexes].join(";");
}

export async function up(knex: Knex): Promise<void> {
  await knex.raw(set(0));
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(set(-1));
}

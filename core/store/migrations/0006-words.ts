/**
 * What the words' indexes have not sorted in yet is sorted in by whoever inserts when there is too much of it. With
 * PostgreSQL's usual 4 MB that takes up to 40 ms, for which all messages of the batch wait; with less it costs no more in all.
 */
import type { Knex } from "knex";

const indexes = ["messages_words", "tickets_words"];

export async function up(knex: Knex): Promise<void> {
  await knex.raw(indexes.map((index) => `ALTER INDEX ${index} SET (gin_pending_list_limit = 256)`).join(";"));
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(indexes.map((index) => `ALTER INDEX ${index} RESET (gin_pending_list_limit)`).join(";"));
}

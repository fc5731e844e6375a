// The examples of docs/sql.md: a reader's first statements, Kysely, and Drizzle over its proxies.

import { describe, expect, test } from "vitest";
import { engines } from "./engines/index.js";
import { emptyDatabase } from "./support/database.js";
import { examples, printed, promised } from "./support/guide.js";
import { kindOf } from "./support/own-sql.js";

const [query, kysely, sqlite, postgres, mysql] = examples("sql.md");
const ofDrizzle = { sqlite, postgres, mysql };

const shared = engines.filter((engine) => !engine.private);
const environment = { BETTER_AUTH_SECRET: "for tests only, 0123456789abcdef", BETTER_AUTH_URL: "http://localhost" };

describe.each(shared.map((engine) => /** @type {const} */ ([engine.name, engine])))("%s", (_, engine) => {
  test("the recipe for Drizzle prints what it says", async () => {
    const source = ofDrizzle[kindOf(engine)];
    const url = await emptyDatabase(engine);
    const lines = await printed(source, { ...environment, DATABASE_URL: url });
    expect(joined(lines)).toEqual(promised(source));
  });
});

test.each([["query()", query], ["kysely()", kysely]])("the example of %s prints what it says", async (_, source) => {
  const url = await emptyDatabase(shared[0]);
  const lines = await printed(source, { ...environment, DATABASE_URL: url });
  expect(joined(lines)).toEqual(promised(source));
});

/** What Node breaks into lines, in one. @param {string[]} lines */
const joined = (lines) => [lines.join(" ").replaceAll(/\s+/g, " ")];

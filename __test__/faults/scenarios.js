// What a process does with a database while something fails, as data: the process that does it and
// the one that checks it afterwards both read it here.

/**
 * @typedef {object} Change of one row, which no other change of the scenario touches
 * @property {string} id
 * @property {string | null} before its value; null: there is no such row
 * @property {string | null} after
 */

/**
 * Each change on its own, one after another or all at once; or all in one transaction, which a
 * failing statement ends. A stubborn one ignores that a statement failed, goes on with the next and
 * commits.
 *
 * @typedef {"in turn" | "at once" | "transaction" | "stubborn transaction"} Way
 */

/** @typedef {{ way: Way, changes: Change[] }} Step */

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {object} [options] of nativeAdapter
 * @property {number} [fill] Pages that the log has before the first step.
 * @property {boolean} [checkpoints] Whether the log is moved into the file beside the last step.
 * @property {boolean} [closes] Whether closing the database is part of it.
 * @property {Step[]} steps
 */

/** The page cache of a process under test, unless it has the default one: 16 pages. */
export const SMALL_CACHE = { cacheSizeKiB: 64 };

/** A large transaction keeps the others waiting. */
export const PATIENT = { busyTimeoutMs: 120_000, acquireTimeoutMs: 120_000 };

const KEPT = 60;

/** @param {string} id @param {string} version @param {number} length */
const value = (id, version, length) => `${id} ${version} `.padEnd(length, "0123456789abcdef");

/** @param {number} length @param {(n: number) => Change} make */
const times = (length, make) => Array.from({ length }, (_, n) => make(n));

/** @param {number} n */
const kept = (n) => ({ id: `kept ${n}`, before: value(`kept ${n}`, "first", 1_000) });

/** @param {string} id @param {number} length @returns {Change} */
const create = (id, length) => ({ id, before: null, after: value(id, "new", length) });

/** @param {number} n @param {number} [length] @returns {Change} */
const update = (n, length = 900) => ({ ...kept(n), after: value(`kept ${n}`, "changed", length) });

/** @param {number} n @returns {Change} */
const remove = (n) => ({ ...kept(n), after: null });

/** What fills the log before a scenario: the same row, again and again. */
export const FILLER = "filler";

/** @param {number} count of the commits */
export const filling = (count) => value(FILLER, `${count}`, 100);

/** The rows that are there before. */
export const ROWS = [
  ...times(KEPT, (n) => ({ ...kept(n), after: null })).map(({ id, before }) => ({ id, value: `${before}` })),
  { id: FILLER, value: filling(0) },
];

/** A row that is created when nothing fails any more. */
export const AFTERWARDS = create("afterwards", 100);

/** @type {Change[]} */
const few = [
  ...times(4, (n) => create(`small ${n}`, 1_500)),
  ...times(2, (n) => update(n)),
  remove(20),
];

/** Several times the small cache; the last ones change pages again that went to the log before. */
const many = [
  ...times(5, (n) => update(3 * n, 2_500)),
  ...times(9, (n) => create(`large ${n}`, 7_000)),
  ...times(3, (n) => remove(40 + 3 * n)),
  create("large too", 1_500),
  ...times(3, (n) => update(3 * n + 1)),
];

/** @type {Scenario} */
export const SMALLER = {
  name: "a transaction smaller than the page cache",
  steps: [{ way: "transaction", changes: few }],
};

/** @type {Scenario} */
export const LARGER = {
  name: "a transaction larger than the page cache",
  options: SMALL_CACHE,
  steps: [{ way: "transaction", changes: many }],
};

/** @type {Scenario[]} */
export const OTHERS = [
  {
    name: "rows one after another",
    options: SMALL_CACHE,
    steps: [
      { way: "in turn", changes: [create("a", 300), create("b", 5_000), update(1), remove(2), create("c", 300)] },
    ],
  },
  {
    name: "rows of many callers at once",
    options: SMALL_CACHE,
    steps: [
      {
        way: "at once",
        changes: [...times(4, (n) => create(`many ${n}`, 300)), ...times(2, (n) => update(n)), remove(30)],
      },
    ],
  },
  {
    name: "rows that are synced",
    options: { ...SMALL_CACHE, synchronous: "full" },
    steps: [
      { way: "in turn", changes: [create("a", 300), update(1)] },
      { way: "at once", changes: times(3, (n) => create(`many ${n}`, 300)) },
    ],
  },
  {
    ...LARGER,
    name: `${LARGER.name} that is synced`,
    options: { ...SMALL_CACHE, synchronous: "full" },
  },
  {
    ...LARGER,
    name: `${LARGER.name} that goes on after a failing statement`,
    steps: [{ way: "stubborn transaction", changes: many }],
  },
  {
    name: "a check-point, and what is written beside it",
    options: SMALL_CACHE,
    fill: 995,
    checkpoints: true,
    steps: [
      { way: "in turn", changes: [create("a", 5_000), create("b", 5_000), update(1), create("c", 5_000)] },
    ],
  },
  {
    name: "closing, which moves the log",
    options: SMALL_CACHE,
    closes: true,
    steps: [{ way: "transaction", changes: few }],
  },
];

/**
 * Larger than the page cache that is the default: not for every day. As in the other one, pages
 * change again that went to the log before.
 *
 * @type {Scenario}
 */
export const LARGEST = {
  name: "a transaction of 5,500 rows of 4 KB with the default page cache",
  steps: [
    {
      way: "transaction",
      changes: [
        ...times(10, (n) => update(3 * n)),
        ...times(5_500, (n) => create(`largest ${n}`, 4_000)),
        ...times(10, (n) => update(3 * n + 1)),
      ],
    },
  ],
};

/** @param {string} name */
export function scenarioNamed(name) {
  const found = [SMALLER, LARGER, ...OTHERS, LARGEST].find((scenario) => scenario.name === name);
  if (!found) throw new Error(`there is no scenario "${name}"`);
  return found;
}

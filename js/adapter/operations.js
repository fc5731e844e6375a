// The operations of an adapter: each finds the plan of its shape, passes the values, and returns
// finished rows.

import { BetterAuthError } from "@better-auth/core/error";
import { invalidInput } from "../errors.js";
import { filterOf } from "./filter.js";
import { readRows, rowReader } from "./rows.js";
import { wordValues } from "./search.js";

/**
 * @typedef {import("./models.js").Model} Model
 * @typedef {import("./models.js").Field} Field
 * @typedef {import("./naming.js").Join} Join
 * @typedef {import("./filter.js").Filter} Filter
 * @typedef {import("./rows.js").Property} Property
 * @typedef {import("./plans.js").Plan} Plan
 * @typedef {import("@better-auth/core/db/adapter").Where} Where
 */

/**
 * What runs plans: the database, or a transaction.
 *
 * @callback Run
 * @param {Plan} plan
 * @param {unknown[]} values
 * @returns {any[] | Promise<any[]>} Cells; at once where nothing could wait.
 */

/**
 * Surrounds a call to the database, for tracing.
 *
 * @callback Trace
 * @param {string} operation
 * @param {string} table
 * @param {() => any[] | Promise<any[]>} call
 * @returns {any[] | Promise<any[]>}
 */

/** @type {Join[]} */
const NO_JOINS = [];

/**
 * Every operation reaches the database before its first `await`, unless a transform of the
 * application returns a promise: a close() that follows the call waits for it.
 */
export class Operations {
  #models;
  #plans;
  #naming;
  #run;
  #trace;

  /**
   * @param {object} parts
   * @param {import("./models.js").Models} parts.models
   * @param {import("./plans.js").Plans} parts.plans
   * @param {import("./naming.js").Naming} parts.naming
   * @param {Run} parts.run
   * @param {Trace} parts.trace
   */
  constructor({ models, plans, naming, run, trace }) {
    this.#models = models;
    this.#plans = plans;
    this.#naming = naming;
    this.#run = run;
    this.#trace = trace;
  }

  /** @param {{ model: string, data: Record<string, any>, select?: string[], forceAllowId?: boolean }} call */
  async create({ model: name, data, select, forceAllowId = false }) {
    const model = this.#models.get(name);
    const input = this.#naming.input(this.#models, model, data, "create", forceAllowId);
    const { fields, values } = input instanceof Promise ? await input : input;
    const plan = this.#plan("create", model, `${positions(fields)};${select ?? ""}`, () =>
      this.#writing(model, { key: model.id.column, set: columnsOf(fields) }, select),
    );
    return this.#one("create", model, plan, values, select);
  }

  /** @param {{ model: string, where?: Where[], select?: string[], join?: Record<string, any> }} call */
  async findOne({ model: name, where, select, join }) {
    const model = this.#models.get(name);
    const filter = this.#filter(model, where);
    const joins = this.#joins(model, join);
    const selected = withJoinFields(select, joins);
    const key = `${filter.key};${selected ?? ""};${keyOf(joins)}`;
    const plan = this.#plan("findOne", model, key, () =>
      this.#selecting(model, { filter: filter.clauses }, selected, joins),
    );
    return this.#one("findOne", model, plan, [...filter.values, ...limitsOf(joins)], selected, joins);
  }

  /**
   * @param {{ model: string, where?: Where[], select?: string[], join?: Record<string, any>,
   *   limit?: number, offset?: number, sortBy?: { field: string, direction: "asc" | "desc" } }} call
   */
  async findMany({ model: name, where, select, join, limit, offset, sortBy }) {
    const model = this.#models.get(name);
    const filter = this.#filter(model, where);
    const joins = this.#joins(model, join);
    const selected = withJoinFields(select, joins);
    const sort = sortBy?.field ? model.field(sortBy.field) : undefined;
    const descending = sortBy?.direction === "desc";
    const hasOffset = offset !== undefined && offset !== null;
    const key = `${filter.key};${selected ?? ""};${keyOf(joins)};${sort ? sort.position : ""}${descending};${hasOffset}`;
    const plan = this.#plan("findMany", model, key, () =>
      this.#selecting(
        model,
        {
          filter: filter.clauses,
          sort: sort && {
            column: sort.column,
            descending,
            nullable: sort !== model.id && sort.attributes.required === false,
          },
          limit: true,
          offset: hasOffset,
        },
        selected,
        joins,
        this.#naming.transforms,
      ),
    );
    const values = [...filter.values, ...limitsOf(joins)];
    values.push(wholeNumber("limit", limit ?? this.#models.defaultLimit));
    if (hasOffset) values.push(wholeNumber("offset", offset));
    return this.#many("findMany", model, plan, values, joins);
  }

  /**
   * Users whose names and addresses have every word; see src/query/search.rs.
   *
   * @param {{ whole: string, words: string[], verifiedOnly: boolean, limit: number, offset: number,
   *   index?: string[], question?: string }} call
   */
  async searchUsers({ whole, words, verifiedOnly, limit, offset, index, question }) {
    const model = this.#models.get("user");
    const key = `${words.length};${verifiedOnly};${index ?? ""}`;
    const plan = this.#plan("searchUsers", model, key, () => {
      const column = (/** @type {string} */ name) => model.field(name).column;
      const shape = {
        key: model.id.column,
        name: column("name"),
        email: column("email"),
        verified: verifiedOnly ? column("emailVerified") : null,
        words: words.length,
        index: index ?? null,
      };
      return this.#selecting(model, shape, undefined, NO_JOINS);
    });
    const values = wordValues(whole, words);
    if (verifiedOnly) values.push(/** @type {any} */ (true));
    if (index) values.push(/** @type {string} */ (question));
    return this.#many("searchUsers", model, plan, [...values, limit, offset]);
  }

  /** @param {{ model: string, where?: Where[] }} call */
  async count({ model: name, where }) {
    const model = this.#models.get(name);
    const filter = this.#filter(model, where);
    const plan = this.#plan("count", model, filter.key, () => ({
      shape: { table: model.table, filter: filter.clauses },
    }));
    return this.#number("count", model, plan, filter.values);
  }

  /**
   * Changes every match and returns the first; without a filter it does nothing.
   *
   * @param {{ model: string, where?: Where[], update: Record<string, any> }} call
   */
  async update({ model: name, where, update }) {
    const model = this.#models.get(name);
    const filter = this.#filter(model, where);
    if (filter.clauses.length === 0) return null;
    const input = this.#naming.input(this.#models, model, update, "update", false);
    const { fields, values } = input instanceof Promise ? await input : input;
    if (fields.length === 0) return this.findOne({ model: name, where });
    const plan = this.#plan("update", model, `${positions(fields)};${filter.key}`, () =>
      this.#writing(model, {
        key: model.id.column,
        set: columnsOf(fields),
        filter: filter.clauses,
      }),
    );
    return this.#one("update", model, plan, [...values, ...filter.values]);
  }

  /** @param {{ model: string, where?: Where[], update: Record<string, any> }} call */
  async updateMany({ model: name, where, update }) {
    const model = this.#models.get(name);
    const filter = this.#filter(model, where);
    const input = this.#naming.input(this.#models, model, update, "update", false);
    const { fields, values } = input instanceof Promise ? await input : input;
    if (fields.length === 0) return this.count({ model: name, where });
    const plan = this.#plan("updateMany", model, `${positions(fields)};${filter.key}`, () => ({
      shape: { table: model.table, set: columnsOf(fields), filter: filter.clauses },
    }));
    return this.#number("updateMany", model, plan, [...values, ...filter.values]);
  }

  /**
   * Deletes every match and returns how many there were.
   *
   * @param {{ model: string, where?: Where[] }} call
   * @param {string} [operation] As traces and metrics name it.
   */
  async deleteMany({ model: name, where }, operation = "deleteMany") {
    const model = this.#models.get(name);
    const filter = this.#filter(model, where);
    const plan = this.#plan(operation, model, filter.key, () => ({
      shape: { operation: "delete", table: model.table, filter: filter.clauses },
    }));
    return this.#number(operation, model, plan, filter.values);
  }

  /** @param {{ model: string, where?: Where[] }} call */
  async delete(call) {
    await this.deleteMany(call, "delete");
  }

  /** @param {{ model: string, where?: Where[] }} call */
  async consumeOne({ model: name, where }) {
    const model = this.#models.get(name);
    const filter = this.#filter(model, where);
    const plan = this.#plan("consumeOne", model, filter.key, () =>
      this.#writing(model, { key: model.id.column, filter: filter.clauses }),
    );
    return this.#one("consumeOne", model, plan, filter.values);
  }

  /** @param {{ model: string, where?: Where[], increment: Record<string, number>, set?: Record<string, any> }} call */
  async incrementOne({ model: name, where, increment, set }) {
    const model = this.#models.get(name);
    const filter = this.#filter(model, where);
    const deltas = Object.entries(increment).map(([field, delta]) => {
      if (typeof delta === "number" && Number.isSafeInteger(Math.trunc(delta))) {
        return { field: this.#naming.field(model, field), delta };
      }
      throw invalidInput(`incrementOne takes finite numbers; "${field}" got something else`);
    });
    const added = deltas.map(({ field }) => field);
    const input = set && this.#naming.input(this.#models, model, set, "update", false);
    const assigned = beside(added, input instanceof Promise ? await input : input);
    const key = `${positions(added)};${positions(assigned.fields)};${filter.key}`;
    const plan = this.#plan("incrementOne", model, key, () =>
      this.#writing(model, {
        key: model.id.column,
        increment: columnsOf(added),
        set: columnsOf(assigned.fields),
        filter: filter.clauses,
      }),
    );
    const values = [...deltas.map(({ delta }) => delta), ...assigned.values, ...filter.values];
    return this.#one("incrementOne", model, plan, values);
  }

  /**
   * @param {Model} model
   * @param {Where[] | undefined} where
   */
  #filter(model, where) {
    return filterOf(where, (name) => this.#naming.field(model, name));
  }

  /**
   * @param {Model} model
   * @param {Record<string, any> | undefined} join
   */
  #joins(model, join) {
    return join ? this.#naming.joins(this.#models, model, join) : NO_JOINS;
  }

  /**
   * @param {string} operation
   * @param {Model} model
   * @param {string} key Of the shape.
   * @param {() => { shape: object, properties?: Property[] }} describe
   */
  #plan(operation, model, key, describe) {
    return this.#plans.get(`${this.#naming.prefix};${operation};${model.position};${key}`, () => {
      const { shape, properties } = describe();
      return { shape: { operation, ...shape }, properties, operation, model: model.key };
    });
  }

  /**
   * The shape of a write that returns the row it wrote.
   *
   * @param {Model} model
   * @param {object} shape
   * @param {string[]} [select]
   */
  #writing(model, shape, select) {
    const fields = this.#selectedFields(model, select);
    return {
      shape: { table: model.table, ...shape, returning: columnsOf(fields) },
      properties: fields.map((field) => this.#property(field)),
    };
  }

  /**
   * The shape of a read.
   *
   * @param {Model} model
   * @param {object} shape
   * @param {string[] | undefined} select
   * @param {Join[]} joins
   * @param {boolean} [allKeys] Whether fields that are not selected are there as undefined.
   */
  #selecting(model, shape, select, joins, allKeys = false) {
    const fields = this.#selectedFields(model, select);
    const keys = allKeys ? model.list : fields;
    return {
      shape: {
        table: model.table,
        ...shape,
        columns: columnsOf(fields),
        joins: joins.map(({ model: joined, from, to }) => ({
          table: joined.table,
          from: from.column,
          to,
          byKey: to === joined.id.column,
          columns: columnsOf(joined.list),
        })),
      },
      properties: [
        ...keys.map((field) => this.#property(field, !fields.includes(field))),
        ...joins.map((join) => this.#joinProperty(join)),
      ],
    };
  }

  /**
   * @param {Model} model
   * @param {string[] | undefined} select
   */
  #selectedFields(model, select) {
    if (!select || select.length === 0) return model.list;
    const wanted = new Set(select.map((name) => model.field(name)));
    return model.list.filter((field) => wanted.has(field));
  }

  /**
   * @param {Field} field
   * @param {boolean} [absent]
   * @returns {Property}
   */
  #property(field, absent = false) {
    return { key: this.#naming.key(field), decode: absent ? "absent" : decodeOf(field) };
  }

  /**
   * @param {Join} join
   * @returns {Property}
   */
  #joinProperty({ key, model, to, single }) {
    const nested = rowReader(model.list.map((field) => this.#property(field)));
    if (to === model.id.column) return { key, decode: "row", nested };
    return { key, decode: single ? "firstRow" : "rows", nested };
  }

  /**
   * @param {string} operation
   * @param {Model} model
   * @param {Plan} plan
   * @param {unknown[]} values
   */
  #cells(operation, model, plan, values) {
    return this.#trace(operation, model.table, () => this.#run(plan, values));
  }

  /**
   * @param {string} operation
   * @param {Model} model
   * @param {Plan} plan
   * @param {unknown[]} values
   * @returns {Promise<number>}
   */
  async #number(operation, model, plan, values) {
    const cells = await this.#cells(operation, model, plan, values);
    return cells[0];
  }

  /**
   * @param {string} operation
   * @param {Model} model
   * @param {Plan} plan
   * @param {unknown[]} values
   * @param {string[]} [select]
   * @param {Join[]} [joins]
   */
  async #one(operation, model, plan, values, select, joins = NO_JOINS) {
    const cells = await this.#cells(operation, model, plan, values);
    if (cells.length === 0) return null;
    const row = readerOf(plan).read(cells, 0);
    if (!this.#mustTransform(model, joins)) return row;
    return transformRow(row, model, select, joins);
  }

  /**
   * @param {string} operation
   * @param {Model} model
   * @param {Plan} plan
   * @param {unknown[]} values
   * @param {Join[]} [joins]
   */
  async #many(operation, model, plan, values, joins = NO_JOINS) {
    const cells = await this.#cells(operation, model, plan, values);
    const rows = readRows(cells, readerOf(plan));
    if (!this.#mustTransform(model, joins)) return rows;
    return Promise.all(rows.map((row) => transformRow(row, model, undefined, joins)));
  }

  /**
   * @param {Model} model
   * @param {Join[]} joins
   */
  #mustTransform(model, joins) {
    if (!this.#naming.transforms) return false;
    return model.transformsOutput || joins.some((join) => join.model.transformsOutput);
  }
}

/**
 * What incrementOne sets besides what it adds to; where a field is in both, adding wins.
 *
 * @param {Field[]} added
 * @param {import("./input.js").Assignments} [set]
 * @returns {import("./input.js").Assignments}
 */
function beside(added, set = { fields: [], values: [] }) {
  const kept = set.fields.map((field) => !added.includes(field));
  const fields = set.fields.filter((_, index) => kept[index]);
  if (added.length + fields.length > 0) {
    return { fields, values: set.values.filter((_, index) => kept[index]) };
  }
  throw new BetterAuthError(
    "incrementOne resolved to an empty update: every increment/set field was unknown to the schema or transformed away.",
  );
}

/**
 * Applies the application's output transforms, one after the other as the factory does.
 *
 * @param {Record<string, any>} row
 * @param {Model} model
 * @param {string[] | undefined} select
 * @param {Join[]} joins
 */
async function transformRow(row, model, select, joins) {
  for (const { name, kind, attributes } of model.list) {
    if (!attributes.transform?.output || (select?.length && !select.includes(name))) continue;
    const value = await attributes.transform.output(row[name]);
    row[name] = kind === "id" && value !== undefined && value !== null ? String(value) : value;
  }
  for (const { key, model: joined } of joins) {
    const rows = Array.isArray(row[key]) ? row[key] : [row[key]];
    for (const item of rows) if (item) await transformRow(item, joined, undefined, NO_JOINS);
  }
  return row;
}

/** @type {Record<string, Property["decode"]>} */
const DECODES = { date: "date", json: "json", stringList: "json", numberList: "json" };

/** @param {Field} field */
function decodeOf({ kind }) {
  return DECODES[kind] ?? "plain";
}

/** @param {Plan} plan */
function readerOf({ reader }) {
  return /** @type {import("./rows.js").RowReader} */ (reader);
}

/** @param {Field[]} fields */
function columnsOf(fields) {
  return fields.map(({ column, kind }) => ({ column, kind }));
}

/** @param {Field[]} fields */
function positions(fields) {
  let key = "";
  for (const { position } of fields) key += `${position},`;
  return key;
}

/** @param {Join[]} joins */
function keyOf(joins) {
  let key = "";
  for (const { key: name, model, from, to } of joins) {
    key += `${name}:${model.position}:${from.position}:${to},`;
  }
  return key;
}

/** @param {Join[]} joins */
function limitsOf(joins) {
  return joins.map(({ limit }) => wholeNumber("limit of a join", limit));
}

/**
 * The selected fields and those that joins need, which the factory returns too.
 *
 * @param {string[] | undefined} select
 * @param {Join[]} joins
 */
function withJoinFields(select, joins) {
  if (!select || joins.length === 0) return select;
  return [...new Set([...select, ...joins.map(({ from }) => from.name)])];
}

/**
 * @param {string} what
 * @param {unknown} value
 */
function wholeNumber(what, value) {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalidInput(`the ${what} must be a whole number from 0`);
}

// Random applications and what they do, the same ones for the same seed: options of betterAuth
// with renamed tables, additional fields of every type and every way to make ids, and operations
// on them.

/** The same sequence for the same seed (mulberry32). */
export class Random {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = seed;
  }

  /** A whole number below `bound`. */
  below(bound) {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  chance(percent) {
    return this.below(100) < percent;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** Up to `most` of the list, in its order. */
  some(list, most) {
    const wanted = this.below(most + 1);
    const kept = new Set(Array.from({ length: wanted }, () => this.pick(list)));
    return list.filter((item) => kept.has(item));
  }

  uuid() {
    const hex = Array.from({ length: 32 }, () => this.below(16).toString(16)).join("");
    return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-4$3-a$4-$5");
  }
}

const moment = (second) => new Date(Date.UTC(2026, 0, 1, 0, 0, second, 7));
const texts = [
  "", "Ada", "ada", "ADA", "madam", "Ärger", "50%", "a_b", "'; --", "漢 😀", "10", "null",
];

/** What fields of a type hold; few values, so that filters find some. */
const values = {
  string: texts,
  number: [-2, 0, 1, 2, 10, 0.5, 0.1 + 0.2],
  bigint: [-9_007_199_254_740_991, 0, 1_795_250_749_123, 9_007_199_254_740_991],
  boolean: [true, false],
  date: [-86_400, -1, 0, 1, 2].map(moment),
  json: [{}, [], { a: { b: [1, "ä", null] } }, [true, { c: 0.5 }]],
  "string[]": [[], ["a"], ["a,b", '"', ""]],
  "number[]": [[], [1], [0.5, -1]],
};
const TYPES = ["string", "number", "boolean", "date", "json", "string[]", "number[]"];
const STRUCTURED = ["json", "string[]", "number[]"];
const orderings = ["eq", "ne", "lt", "lte", "gt", "gte"];

const inputs = {
  string: [(text) => text?.toUpperCase?.() ?? text, async (text) => (text ? `${text}!` : text)],
  number: [(number) => (number ? number + 1 : number)],
};
const outputs = {
  string: [(text) => (text ? `<${text}>` : text), async (text) => text?.toLowerCase?.() ?? text],
  number: [(number) => (number ? number * 2 : number)],
};

const typeOf = ({ type, bigint }) => (bigint ? "bigint" : type);

/**
 * @param {Random} random
 * @param {number} number of the field in its model
 */
function randomField(random, number) {
  const type = random.pick(["string", ...TYPES]);
  const field = { type, required: random.chance(30) };
  if (type === "number" && random.chance(40)) field.bigint = true;
  if (random.chance(40)) field.fieldName = `${random.pick(["column_", "Order", '"quoted"'])}${number}`;
  if (random.chance(40)) {
    const value = random.pick(values[typeOf(field)]);
    const literal = typeof value !== "object" && random.chance(50);
    field.defaultValue = literal ? value : () => value;
  }
  if (random.chance(20)) {
    const value = random.pick(values[typeOf(field)]);
    field.onUpdate = () => value;
  }
  if (typeOf(field) in inputs && random.chance(40)) {
    field.transform = { input: random.pick(inputs[type]), output: random.pick(outputs[type]) };
    if (random.chance(50)) delete field.transform[random.pick(["input", "output"])];
  }
  return field;
}

/** @param {Random} random */
function randomFields(random) {
  const fields = Array.from({ length: random.below(6) }, (_, number) => [
    `extra${number}`,
    randomField(random, number),
  ]);
  return Object.fromEntries(fields);
}

const toUser = (onDelete) => ({
  type: "string",
  references: { model: "user", field: "id", onDelete },
});

/**
 * @param {Random} random
 * @param {{ next: string }} ids The id that the application makes next.
 */
export function randomApplication(random, ids) {
  const named = (...names) => (random.chance(50) ? { modelName: random.pick(names) } : {});
  const mapped = (fields) =>
    random.chance(50) ? { fields: Object.fromEntries(random.some(Object.entries(fields), 9)) } : {};
  return {
    advanced: {
      database: {
        generateId: random.pick(["serial", "serial", "uuid", false, undefined, () => ids.next]),
        defaultFindManyLimit: random.pick([undefined, 1000]),
      },
    },
    user: {
      ...named("member", "select", 'us"er'),
      ...mapped({ name: "full_name", email: "group", emailVerified: "where", createdAt: "made" }),
      additionalFields: randomFields(random),
    },
    session: {
      ...named("login", "table"),
      ...mapped({ userId: "owner", token: "index", expiresAt: "expires" }),
      additionalFields: randomFields(random),
    },
    account: { ...named("identity"), ...mapped({ userId: "user_id", scope: "where" }) },
    plugins: [
      {
        id: "random",
        schema: {
          thing: {
            ...named("things"),
            fields: {
              userId: { ...toUser(random.pick(["cascade", "set null"])), required: false },
              count: { type: "number", required: true },
              ...randomFields(random),
            },
          },
          profile: {
            fields: {
              userId: { ...toUser(random.pick(["cascade", "restrict"])), unique: true },
              ...randomFields(random),
            },
          },
        },
      },
    ],
  };
}

const MODELS = ["user", "session", "account", "thing", "profile"];
const JOINS = {
  user: ["session", "account", "thing", "profile"],
  session: ["user"],
  account: ["user"],
  thing: ["user"],
  profile: ["user"],
};

/**
 * @typedef {object} Step
 * @property {string} method of the adapter, or "transaction"
 * @property {any} [call] what the method is called with
 * @property {string} [id] the id the application makes meanwhile
 * @property {Step[]} [steps] of a transaction
 * @property {boolean} [fails] whether the transaction is given up at its end
 */

/** Thinks up operations, and remembers the ids it has seen. */
export class Operations {
  #random;
  #schema;
  #generateId;
  /** @type {Record<string, string[]>} */
  #ids = Object.fromEntries(MODELS.map((model) => [model, []]));
  #count = 0;
  #countsAlike;

  /**
   * @param {Random} random
   * @param {Record<string, { fields: Record<string, any> }>} schema
   * @param {unknown} generateId
   * @param {boolean} countsAlike Whether all databases that are compared count the same ids.
   */
  constructor(random, schema, generateId, countsAlike) {
    this.#random = random;
    this.#schema = schema;
    this.#generateId = generateId;
    this.#countsAlike = countsAlike;
  }

  /** @returns {Step} */
  next() {
    const random = this.#random;
    if (!random.chance(5)) return this.#step();
    const steps = Array.from({ length: 1 + random.below(4) }, () => this.#step());
    return { method: "transaction", steps, fails: random.chance(40) };
  }

  /**
   * @param {Step} step
   * @param {any} result
   */
  learn({ method, call }, result) {
    if (method === "create" && result?.id) this.#ids[call.model].push(result.id);
  }

  /** @returns {Step} */
  #step() {
    const random = this.#random;
    const model = random.pick(["user", "user", ...MODELS]);
    const method = random.pick([
      ...["create", "create", "create", "create", "create", "create", "findOne", "findOne"],
      ...["findMany", "findMany", "findMany", "count", "update", "update", "updateMany"],
      ...["delete", "deleteMany", "consumeOne", "incrementOne", "incrementOne"],
    ]);
    switch (method) {
      case "create":
        return this.#create(model);
      case "findOne":
        return { method, call: { ...this.#one(model), ...this.#select(model), ...this.#join(model) } };
      case "findMany":
        return { method, call: { ...this.#some(model), ...this.#page(model), ...this.#join(model) } };
      case "update":
        return { method, call: { ...this.#one(model), update: this.#changes(model) } };
      case "updateMany":
        return { method, call: { ...this.#some(model), update: this.#changes(model) } };
      case "incrementOne":
        return this.#increment();
      case "consumeOne":
        return { method, call: this.#one(model) };
      case "delete":
      case "deleteMany": {
        // Mostly few rows, or there would never be many.
        return { method, call: random.chance(90) ? this.#one(model) : this.#some(model) };
      }
      default:
        return { method, call: this.#some(model) };
    }
  }

  #fields(model) {
    return Object.entries(this.#schema[model].fields).filter(([name]) => name !== "id");
  }

  /** @returns {Step} */
  #create(model) {
    const random = this.#random;
    const data = {};
    for (const [name, field] of this.#fields(model)) {
      const left = field.required === false || field.defaultValue !== undefined ? 30 : 1;
      if (!random.chance(left)) data[name] = this.#value(field);
    }
    if (Object.keys(data).length === 0) data.userId = this.#id("user");
    const id = this.#newId(model);
    // Better Auth's own dates would be the time of each adapter's call.
    for (const name of ["createdAt", "updatedAt"]) {
      if (name in this.#schema[model].fields) data[name] ??= moment(0);
    }
    const counted = this.#idKind() === "serial" && this.#countsAlike;
    const made = (counted || this.#idKind() === "function") && random.chance(80);
    const call = made ? { model, data } : { model, data: { ...data, id }, forceAllowId: true };
    const select = random.chance(20) ? { select: ["id", ...this.#names(model)] } : {};
    return { method: "create", id, call: { ...call, ...select } };
  }

  #idKind() {
    return typeof this.#generateId === "function" ? "function" : this.#generateId;
  }

  #newId(model) {
    this.#count += 1;
    switch (this.#idKind()) {
      case "serial":
        return String(1 + this.#random.below(2 * this.#count));
      case "uuid":
        return this.#random.uuid();
      default:
        return `${model}-${this.#count}`;
    }
  }

  /** Some id, mostly a recent one; seldom one that nobody has. */
  #id(model) {
    const ids = this.#random.chance(70) ? this.#ids[model].slice(-6) : this.#ids[model];
    if (ids.length > 0 && !this.#random.chance(3)) return this.#random.pick(ids);
    return { serial: "999999", uuid: "00000000-0000-4000-a000-000000000000" }[this.#idKind()] ?? "nobody";
  }

  /** A value to store. */
  #value(field) {
    const random = this.#random;
    if (field.required === false && field.type !== "json" && random.chance(25)) return null;
    if (field.references) return this.#id("user");
    // Enough of them that most are new.
    if (field.unique) return `${random.pick(["a", "B", "ä"])}${random.below(60)}`;
    const value = random.pick(values[typeOf(field)]);
    return value instanceof Date && random.chance(20) ? value.toISOString() : value;
  }

  #changes(model) {
    const random = this.#random;
    const all = this.#fields(model);
    // A reference that changes seldom, so that most rows stay where joins find them.
    const own = all.filter(([, { references }]) => !references || random.chance(30));
    const fields = own.length > 0 ? own : all;
    const changed = [random.pick(fields), ...random.some(fields, 4)];
    const changes = Object.fromEntries(changed.map(([name, field]) => [name, this.#value(field)]));
    if ("updatedAt" in this.#schema[model].fields) changes.updatedAt ??= moment(random.below(60));
    return changes;
  }

  /** @returns {Step} */
  #increment() {
    const random = this.#random;
    const call = this.#one("thing");
    const increment = { count: random.pick([1, -1, 0, 5, 0.5]) };
    const set = random.chance(50) ? { set: this.#changes("thing") } : {};
    return { method: "incrementOne", call: { ...call, increment, ...set } };
  }

  /** What finds one row at most. */
  #one(model) {
    const byId = { field: "id", value: this.#id(model) };
    return { model, where: this.#random.chance(70) ? [byId] : [...this.#clauses(model), byId] };
  }

  #some(model) {
    return { model, where: this.#clauses(model) };
  }

  #clauses(model) {
    return Array.from({ length: this.#random.below(4) }, () => this.#clause(model));
  }

  #clause(model) {
    const random = this.#random;
    const connector = random.pick([undefined, "AND", "OR", "OR"]);
    if (random.chance(15)) return { field: "id", connector, ...this.#idTest(model) };
    const comparable = this.#fields(model).filter(([, { type }]) => type !== "json");
    const [field, attributes] = random.pick(comparable);
    const test = attributes.references ? this.#idTest("user") : this.#test(attributes);
    return { field, connector, ...test };
  }

  #idTest(model) {
    const operator = this.#random.pick(["eq", "ne", "in", "not_in"]);
    const list = Array.from({ length: this.#random.below(4) }, () => this.#id(model));
    return { operator, value: operator.includes("in") ? list : this.#id(model) };
  }

  #test(field) {
    const random = this.#random;
    const type = typeOf(field);
    const value = random.pick(values[type]);
    if (STRUCTURED.includes(type) || random.chance(15)) return { operator: random.pick(["eq", "ne"]), value: null };
    switch (type) {
      case "boolean":
        return { operator: random.pick(["eq", "ne"]), value: this.#asText(value) };
      case "date":
        return { operator: random.pick(orderings), value: this.#asText(value, value.toISOString()) };
      case "string":
        return this.#textTest();
      default:
        return random.chance(30)
          ? { operator: random.pick(["in", "not_in"]), value: random.some(values[type], 3) }
          : { operator: random.pick(orderings), value: this.#asText(value) };
    }
  }

  /** Sometimes what a query string would hold. */
  #asText(value, text = String(value)) {
    return this.#random.chance(20) ? text : value;
  }

  #textTest() {
    const random = this.#random;
    const ascii = texts.filter((text) => /^[\w' ;-]*$/.test(text));
    const insensitive = random.chance(40);
    const mode = insensitive ? "insensitive" : random.pick([undefined, "sensitive"]);
    const pool = insensitive ? ascii : texts;
    const orders = insensitive ? ["eq", "ne"] : orderings;
    const parts = ["", "a", "A", "da", "AD", "m", "5", "'", ...(insensitive ? [] : ["Ä", "漢"])];
    switch (random.below(3)) {
      case 0:
        return { operator: random.pick(orders), value: random.pick(pool), mode };
      case 1: {
        const list = random.some(pool, 3);
        const nulls = !insensitive && random.chance(10) ? [null] : [];
        return { operator: random.pick(["in", "not_in"]), value: [...list, ...nulls], mode };
      }
      default:
        return {
          operator: random.pick(["contains", "starts_with", "ends_with"]),
          value: random.pick(parts),
          mode,
        };
    }
  }

  #names(model) {
    return this.#random.some(this.#fields(model), 4).map(([name]) => name);
  }

  #select(model) {
    const random = this.#random;
    if (!random.chance(30)) return {};
    const names = this.#names(model);
    return { select: random.chance(50) ? ["id", ...names] : names };
  }

  /** Cut only where the order is certain. */
  #page(model) {
    const random = this.#random;
    const direction = random.pick(["asc", "desc"]);
    const select = random.chance(20) ? { select: ["id", ...this.#names(model)] } : {};
    if (random.chance(40)) {
      const limit = random.pick([undefined, 0, 1, 3, 100]);
      const offset = random.pick([undefined, 0, 1, 2]);
      return { ...select, sortBy: { field: "id", direction }, limit, offset };
    }
    if (random.chance(40)) return select;
    const sortable = this.#fields(model).filter(([, { type }]) => !STRUCTURED.includes(type));
    const [field] = random.pick(sortable);
    return { sortBy: { field, direction } };
  }

  #join(model) {
    if (!this.#random.chance(40)) return {};
    const joined = this.#random.some(JOINS[model], 3).map((name) => {
      return [name, this.#random.pick([true, { limit: 1000 }])];
    });
    return { join: Object.fromEntries(joined) };
  }
}

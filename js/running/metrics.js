// What has been counted, by the core and here, as one object.

/**
 * @param {import("../../binding.js").Database} native
 * @param {import("../../index.js").Metrics["engine"]} engine
 * @param {import("./cleanup.js").Cleaner["state"]} cleanup
 * @param {any} hasher Of the options of betterAuth().
 * @param {(outcome: any) => any} unwrap
 * @returns {import("../../index.js").Metrics}
 */
export function readMetrics(native, engine, cleanup, hasher, unwrap) {
  const { operations, committed, rolledBack, connections, droppedEvents } = JSON.parse(unwrap(native.metrics()));
  const read = operations.map(readOperation);
  return {
    engine,
    operations: read,
    // The application's own statements are of none.
    models: sums(
      read.filter((/** @type {import("../../index.js").OperationMetrics} */ { model }) => model !== ""),
      ({ model }) => model,
    ),
    errors: read.reduce(
      (/** @type {Record<string, number>} */ all, /** @type {import("../../index.js").OperationMetrics} */ { errors }) =>
        added(all, errors),
      {},
    ),
    transactions: { committed, rolledBack },
    connections,
    password: statsOf(hasher),
    cleanup: structuredClone(cleanup),
    droppedEvents,
  };
}

/** @param {any} counted @returns {import("../../index.js").OperationMetrics} */
function readOperation({ operation, model, latency, slow, failures }) {
  const { count, sum, max, p50, p95, p99, within } = latency;
  const buckets = within.map((/** @type {number} */ count, /** @type {number} */ doubling) => ({
    belowMs: 2 ** doubling / 1_000,
    count,
  }));
  return {
    operation,
    model,
    calls: count,
    errors: Object.fromEntries(failures),
    slow,
    latencyMs: { sum, mean: count === 0 ? 0 : sum / count, max, p50, p95, p99, buckets },
  };
}

/**
 * @param {import("../../index.js").OperationMetrics[]} operations
 * @param {(operation: import("../../index.js").OperationMetrics) => string} nameOf
 */
function sums(operations, nameOf) {
  /** @type {Record<string, number>} */
  const all = {};
  for (const operation of operations) added(all, { [nameOf(operation)]: operation.calls });
  return all;
}

/**
 * @param {Record<string, number>} all
 * @param {Record<string, number>} more
 */
function added(all, more) {
  for (const [name, count] of Object.entries(more)) all[name] = (all[name] ?? 0) + count;
  return all;
}

/** @param {any} hasher */
function statsOf(hasher) {
  if (typeof hasher?.stats !== "function") return null;
  try {
    return hasher.stats();
  } catch (error) {
    if (/** @type {any} */ (error).code === "CLOSED") return null;
    throw error;
  }
}

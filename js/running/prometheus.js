// Metrics in Prometheus' text format, version 0.0.4.

/** @typedef {Record<string, string | number>} Labels */

/** What all names begin with. */
const PREFIX = "better_auth_native";

/**
 * @param {import("../../index.js").Metrics} metrics
 */
export function prometheusText({ engine, operations, transactions, connections, password, cleanup, droppedEvents }) {
  const text = new Text();
  const of = (/** @type {{ operation: string, model: string }} */ { operation, model }) => ({ operation, model });
  text.family("info", "gauge", "The database engine.", [[{ engine }, 1]]);
  text.histogram(
    "operation_duration_seconds",
    "How long operations took, waiting included.",
    operations.map((counted) => ({ labels: of(counted), ...counted.latencyMs, count: counted.calls })),
  );
  text.family(
    "operation_errors_total",
    "counter",
    "Operations that failed, by error code.",
    operations.flatMap((counted) =>
      Object.entries(counted.errors).map(([code, count]) => /** @type {Sample} */ ([{ ...of(counted), code }, count])),
    ),
  );
  text.family(
    "slow_operations_total",
    "counter",
    "Operations that took as long as slowQuery.thresholdMs.",
    operations.map((counted) => [of(counted), counted.slow]),
  );
  text.family("transactions_total", "counter", "Transactions that ended, by how.", [
    [{ outcome: "committed" }, transactions.committed],
    [{ outcome: "rolled_back" }, transactions.rolledBack],
  ]);

  const pools = (/** @type {(pool: any) => [Labels, number][]} */ samples) =>
    connections.flatMap((pool) =>
      samples(pool).map(([labels, value]) => /** @type {Sample} */ ([{ server: pool.server, role: pool.role, ...labels }, value])),
    );
  text.family(
    "connections",
    "gauge",
    "Open connections, by whether they are in use.",
    pools(({ busy, idle }) => [
      [{ state: "busy" }, busy],
      [{ state: "idle" }, idle],
    ]),
  );
  text.family("connections_max", "gauge", "How many connections there may be.", pools(({ most }) => [[{}, most]]));
  text.family("connection_waiters", "gauge", "Calls that wait for a connection, or for SQLite's turn to write.", pools(({ waiting }) => [[{}, waiting]]));
  text.family("connections_opened_total", "counter", "Connections that were opened.", pools(({ opened }) => [[{}, opened]]));
  text.family("connections_lost_total", "counter", "Connections that broke.", pools(({ lost }) => [[{}, lost]]));

  if (password) {
    const { waiting, hashing, hashed, waitedMs, hashingMs, threads, memory } = password;
    text.family("password_waiting", "gauge", "Hashes that wait for a thread.", [[{}, waiting]]);
    text.family("password_hashing", "gauge", "Hashes under way.", [[{}, hashing]]);
    text.family("password_hashed_total", "counter", "Hashes made and verified.", [[{}, hashed]]);
    text.family("password_waited_seconds_total", "counter", "How long they waited for a thread.", [[{}, waitedMs / 1_000]]);
    text.family("password_hashing_seconds_total", "counter", "How long they were under way.", [[{}, hashingMs / 1_000]]);
    text.family("password_threads", "gauge", "Threads that hash.", [[{}, threads]]);
    text.family("password_memory_bytes", "gauge", "Memory held for hashing.", [[{}, memory]]);
  }

  text.family("cleanup_running", "gauge", "Clean-ups under way in this process.", [[{}, cleanup.running]]);
  text.family("cleanup_runs_total", "counter", "Clean-ups, by how they ended; skipped where another process was at it.", [
    [{ outcome: "done" }, cleanup.runs],
    [{ outcome: "skipped" }, cleanup.skipped],
    [{ outcome: "failed" }, cleanup.failed],
  ]);
  text.family(
    "cleanup_deleted_rows_total",
    "counter",
    "Rows that clean-ups deleted.",
    Object.entries(cleanup.deleted).map(([model, count]) => [{ model }, count]),
  );
  if (cleanup.last) {
    text.family("cleanup_last_timestamp_seconds", "gauge", "When the last clean-up ended.", [[{}, cleanup.last.at.getTime() / 1_000]]);
    text.family("cleanup_last_duration_seconds", "gauge", "How long the last clean-up took.", [[{}, cleanup.last.durationMs / 1_000]]);
  }
  text.family("events_dropped_total", "counter", "Events that were lost because listeners did not keep up.", [[{}, droppedEvents]]);
  return text.finish();
}

/** @typedef {[labels: Labels, value: number]} Sample */

class Text {
  #lines = "";

  /**
   * A metric without samples is left out.
   *
   * @param {string} name
   * @param {"counter" | "gauge"} type
   * @param {string} help
   * @param {Sample[]} samples
   */
  family(name, type, help, samples) {
    if (samples.length === 0) return;
    this.#head(name, type, help);
    for (const [labels, value] of samples) this.#sample(name, labels, value);
  }

  /**
   * @param {string} name
   * @param {string} help
   * @param {{ labels: Labels, count: number, sum: number, buckets: { belowMs: number, count: number }[] }[]} series
   */
  histogram(name, help, series) {
    if (series.length === 0) return;
    this.#head(name, "histogram", help);
    for (const { labels, count, sum, buckets } of series) {
      for (const { belowMs, count } of buckets) {
        // In microseconds first: a thousandth of a thousandth is no round number.
        this.#sample(`${name}_bucket`, { ...labels, le: Math.round(belowMs * 1_000) / 1e6 }, count);
      }
      this.#sample(`${name}_bucket`, { ...labels, le: "+Inf" }, count);
      this.#sample(`${name}_sum`, labels, sum / 1_000);
      this.#sample(`${name}_count`, labels, count);
    }
  }

  /** @param {string} name @param {string} type @param {string} help */
  #head(name, type, help) {
    const escaped = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
    this.#lines += `# HELP ${PREFIX}_${name} ${escaped}\n# TYPE ${PREFIX}_${name} ${type}\n`;
  }

  /** @param {string} name @param {Labels} labels @param {number} value */
  #sample(name, labels, value) {
    const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(`${value}`)}"`);
    this.#lines += `${PREFIX}_${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}\n`;
  }

  finish() {
    return this.#lines;
  }
}

/** @param {string} value */
function escapeLabel(value) {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

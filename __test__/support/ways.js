// The two ways a call may take: the package's own methods, and Better Auth's adapter factory.

/** With debug logs on, calls take the way through the factory. */
export const ways = [
  { way: "direct", options: {} },
  { way: "through the factory", options: { debugLogs: { isRunningAdapterTests: true } } },
];

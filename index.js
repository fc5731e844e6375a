// The public surface; documented in index.d.ts.

export { nativeAdapter } from "./js/database.js";
export { NativeAdapterError } from "./js/errors.js";
export { createPassword, password } from "./js/password.js";
export { memoryStorage } from "./js/storage/memory.js";
export { redisStorage } from "./js/storage/redis.js";
export { createTestDatabase } from "./js/test-database.js";

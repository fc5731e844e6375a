// A network that is slower than this machine's own: a proxy that passes bytes on that much later.

import { startProxy } from "../../__test__/servers/index.js";

const [url, delay] = process.argv.slice(2);
const proxy = await startProxy(url);
proxy.delay(Number(delay));
process.send?.(proxy.url);
// Alive as long as whoever started it.
process.on("disconnect", () => process.exit());

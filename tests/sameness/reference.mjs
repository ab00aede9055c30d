// Lets `app.mjs` find the reference implementation, which is installed for the tests in tests/clients:
// `node --import ./reference.mjs app.mjs`. Used by servers.mjs.

import { register } from "node:module";

const clients = new URL("../clients/package.json", import.meta.url).href;
const hooks = `export const resolve = (specifier, context, next) =>
  next(specifier, specifier.startsWith("socket.io") ? { ...context, parentURL: ${JSON.stringify(clients)} } : context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

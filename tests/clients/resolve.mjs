// Lets programs anywhere in the repository find what is installed here, and Holdfast's own package, without
// an installation of theirs: `node --import …/tests/clients/resolve.mjs`. Used by tests/sameness (for the
// reference implementation) and for the tests of examples.

import { register } from "node:module";

const url = (path) => JSON.stringify(new URL(path, import.meta.url).href);
const hooks = `export function resolve(specifier, context, next) {
  if (specifier === "holdfast/testing") return next(${url("../../guest/js/testing/index.js")}, context);
  if (specifier.startsWith("socket.io")) return next(specifier, { ...context, parentURL: ${url("package.json")} });
  return next(specifier, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

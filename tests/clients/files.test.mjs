// The browser client's files under the mount path, as the reference serves them.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import zlib from "node:zlib";
import { test } from "./support.mjs";
import { PATH, request } from "./raw.mjs";

const PACKAGE = createRequire(import.meta.url).resolve("socket.io-client/package.json").replace(/package\.json$/, "");
const { version } = JSON.parse(await readFile(`${PACKAGE}package.json`, "utf8"));
const SCRIPTS = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];
const DECODE = { br: zlib.brotliDecompressSync, gzip: zlib.gunzipSync, deflate: zlib.inflateSync };

for (const name of SCRIPTS.flatMap((script) => [script, `${script}.map`])) {
  test(`${name}: the published bytes, plain and compressed`, async () => {
    const published = await readFile(`${PACKAGE}dist/${name}`);
    const plain = await request("GET", PATH + name);
    assert.equal(plain.status, 200);
    assert.ok(plain.bytes.equals(published));
    assert.equal(plain.headers["content-encoding"], undefined);
    assert.equal(plain.headers.etag, `"${version}"`);
    assert.equal(plain.headers["cache-control"], "public, max-age=0");
    const type = name.endsWith(".map") ? "application/json" : "application/javascript";
    assert.equal(plain.headers["content-type"], `${type}; charset=utf-8`);

    for (const [encoding, decode] of Object.entries(DECODE)) {
      const packed = await request("GET", PATH + name, { headers: { "accept-encoding": encoding } });
      if (packed.headers["content-encoding"] === undefined && encoding === "deflate") continue; // nobody needs it
      assert.equal(packed.headers["content-encoding"], encoding);
      assert.ok(decode(packed.bytes).equals(published));
      assert.ok(packed.bytes.length < published.length / 2);
    }
  });
}

for (const [accept, expected] of [
  ["gzip, deflate, br, zstd", "br"],
  ["gzip;q=1, br;q=0", "gzip"],
  ["gzip, br;q=0.1", "gzip"],
  ["identity", undefined],
  ["br;q=0, gzip;q=0", undefined],
  ["nonsense", undefined],
  ["BR", "br"],
]) {
  test(`Accept-Encoding: ${accept}`, async () => {
    const { headers } = await request("GET", `${PATH}socket.io.min.js`, { headers: { "accept-encoding": accept } });
    assert.equal(headers["content-encoding"], expected);
  });
}

for (const etag of [`"${version}"`, `W/"${version}"`]) {
  test(`If-None-Match: ${etag} is answered by 304 without a body`, async () => {
    const { status, bytes } = await request("GET", `${PATH}socket.io.js`, { headers: { "if-none-match": etag } });
    assert.deepEqual([status, bytes.length], [304, 0]);
  });
}

test("another version in If-None-Match gets the file", async () => {
  const { status } = await request("GET", `${PATH}socket.io.js`, { headers: { "if-none-match": '"0.9.0"' } });
  assert.equal(status, 200);
});

test("the query is ignored", async () => {
  const { status, headers } = await request("GET", `${PATH}socket.io.js?v=1&EIO=4&transport=polling`);
  assert.deepEqual([status, headers.etag], [200, `"${version}"`]);
});

test("HEAD: the headers without the body", async () => {
  const { status, headers, bytes } = await request("HEAD", `${PATH}socket.io.js`);
  assert.deepEqual([status, bytes.length], [200, 0]);
  assert.equal(headers.etag, `"${version}"`);
});

for (const name of ["socket.io.txt", "socket.io.js/", "../socket.io.js", "package.json", "%2e%2e/socket.io.js", "socket.io.slim.js"]) {
  test(`no such file: ${name}`, async () => {
    const { status } = await request("GET", PATH + name);
    assert.ok([400, 404].includes(status), `status ${status}`);
  });
}

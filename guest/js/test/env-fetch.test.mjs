// lib/env/fetch.js with a host in miniature, and its classes against Node's own; lib/env/http.js.

import assert from "node:assert/strict";
import nodeHttp from "node:http";
import { test } from "node:test";

import { REDIRECTS_MAX, TIMEOUT_MS, create } from "../lib/env/fetch.js";
import { http, setLog } from "../lib/env/http.js";
import { URLSearchParams } from "../lib/env/url.js";

// A host: `answers` takes a request and gives [status, headers, body], a sentence that says why not, or undefined to wait.
function host(answers = () => undefined) {
  const asked = [];
  let [token, now] = [0, 1_000];
  const N = {
    number: () => ++token,
    now: () => now,
    random: (count) => new Uint8Array(count).fill(0xab),
    utf8Encode: (text) => new TextEncoder().encode(text),
    utf8Decode: (bytes, fatal) => new TextDecoder("utf-8", { fatal, ignoreBOM: true }).decode(bytes),
    fetch(token, method, url, headers, body, timeoutMs) {
      const request = { token, method, url, headers: Object.fromEntries(headers), body: body && new TextDecoder().decode(body), timeoutMs };
      assert.ok(body === undefined || body instanceof Uint8Array);
      asked.push(request);
      const answer = answers(request, asked.length);
      if (answer instanceof Error) throw answer;
      if (typeof answer === "string") queueMicrotask(() => web.fetchFailed(token, answer));
      else if (answer !== undefined) queueMicrotask(() => web.fetched(token, answer[0], answer[1] ?? [], new TextEncoder().encode(answer[2] ?? "")));
    },
  };
  const web = create(N, () => assert.fail("no timers"), () => {});
  return { ...web, asked, pass: (ms) => void (now += ms) };
}
const web = host();

// What each of the two does, as something to compare; errors by name.
async function both(fn) {
  const results = [];
  for (const classes of [web, globalThis]) {
    try {
      results.push(await fn(classes));
    } catch (error) {
      results.push(`${error.name}`);
    }
  }
  assert.deepEqual(results[0], results[1], fn.toString());
  return results[0];
}

test("asks and answers", async () => {
  const { fetch, asked } = host(() => [201, [["Content-Type", "application/json"], ["X-A", "1"], ["x-a", "2"], ["Set-Cookie", "a"], ["set-cookie", "b"]], '\ufeff{"a":1}']);
  const response = await fetch("http://h/p?q#f", { method: "post", body: "ä", headers: { "X-Y": "z" } });
  assert.deepEqual(asked, [{
    token: 1, method: "POST", url: "http://h/p?q", body: "ä", timeoutMs: TIMEOUT_MS,
    headers: { "x-y": "z", "content-type": "text/plain;charset=UTF-8", "accept": "*/*", "user-agent": "holdfast" },
  }]);
  const { status, statusText, ok, url, type, redirected } = response;
  assert.deepEqual([status, statusText, ok, url, type, redirected], [201, "Created", true, "http://h/p?q", "basic", false]);
  assert.equal(response.headers.get("X-a"), "1, 2");
  assert.deepEqual(response.headers.getSetCookie(), ["a", "b"]);
  assert.throws(() => response.headers.set("a", "b"), { name: "TypeError", message: "immutable" });
  const copy = response.clone();
  assert.deepEqual(await response.json(), { a: 1 });
  assert.equal(response.bodyUsed, true);
  await assert.rejects(response.text(), { name: "TypeError", message: "Body is unusable: Body has already been read" });
  assert.throws(() => response.clone(), TypeError);
  assert.equal(await copy.text(), '{"a":1}');
});

test("errors say what the host said", async () => {
  const refused = await host(() => "connection refused by h:80").fetch("http://h").catch((error) => error);
  assert.ok(refused instanceof TypeError && refused.cause instanceof Error);
  assert.deepEqual([refused.message, refused.cause.message], ["fetch failed", "connection refused by h:80"]);
  const thrown = await host(() => new Error("too much")).fetch("http://h").catch((error) => error);
  assert.deepEqual([thrown.message, thrown.cause.message], ["fetch failed", "too much"]);
  for (const url of ["nothing", "http://u:p@h/", "ftp://h/", "file:///x"]) await assert.rejects(web.fetch(url), TypeError, url);
  assert.equal(web.asked.length, 0);
});

test("follows redirects", async () => {
  for (const [status, method, then] of [[301, "POST", "GET"], [302, "POST", "GET"], [302, "PUT", "PUT"], [303, "PUT", "GET"], [303, "HEAD", "HEAD"], [307, "POST", "POST"], [308, "PUT", "PUT"]]) {
    const { fetch, asked } = host(({ url }) => (url === "http://a/x" ? [status, [["Location", "../y?z"]]] : [200, [], "done"]));
    const body = method === "HEAD" ? undefined : "text";
    const response = await fetch("http://a/x#f", { method, body, headers: { "Authorization": "secret", "content-language": "de" } });
    assert.deepEqual([response.redirected, response.url, asked[1].method, asked[1].url], [true, "http://a/y?z", then, "http://a/y?z"]);
    assert.equal(asked[1].body, then === method ? body : undefined);
    assert.equal(asked[1].headers["content-language"], method !== then ? undefined : "de");
    assert.equal(asked[1].headers.authorization, "secret");
  }
  const across = host(({ url }) => (url.startsWith("http://a/") ? [307, [["location", "https://a/"]]] : [200]));
  await across.fetch("http://a/", { headers: { authorization: "secret", cookie: "c", other: "o" } });
  assert.deepEqual([across.asked[1].headers.authorization, across.asked[1].headers.cookie, across.asked[1].headers.other], [undefined, undefined, "o"]);
  const loop = host(() => [302, [["location", "/"]]]);
  await assert.rejects(loop.fetch("http://a/"), (error) => error.cause.message === "redirect count exceeded");
  assert.equal(loop.asked.length, REDIRECTS_MAX + 1);
  await assert.rejects(loop.fetch("http://a/", { redirect: "error" }), (error) => error.cause.message === "unexpected redirect");
  const manual = await loop.fetch("http://a/", { redirect: "manual" });
  assert.deepEqual([manual.status, manual.headers.get("location")], [302, "/"]);
  for (const location of ["file:///etc/passwd", "data:,x", "http://u:p@b/", "http://["]) {
    const { fetch, asked } = host(() => [302, [["location", location]]]);
    await assert.rejects(fetch("http://a/"), { message: "fetch failed" });
    assert.equal(asked.length, 1);
  }
  assert.equal((await host(() => [302]).fetch("http://a/")).status, 302);
  const slow = host((request, count) => (slow.pass(200_000), count < 3 ? [302, [["location", "/"]]] : [200]));
  await assert.rejects(slow.fetch("http://a/"), { message: "fetch failed" });
  assert.deepEqual(slow.asked.map(({ timeoutMs }) => timeoutMs), [300_000, 100_000]);
});

test("is aborted", async () => {
  const { fetch, asked, fetched, Request } = host();
  const controller = new AbortController();
  const answer = fetch("http://h", { signal: controller.signal });
  controller.abort();
  await assert.rejects(answer, { name: "AbortError" });
  fetched(asked[0].token, 200, [], new Uint8Array(0));
  await assert.rejects(fetch("http://h", { signal: AbortSignal.abort(new Error("no")) }), { message: "no" });
  await assert.rejects(fetch(new Request("http://h", { signal: controller.signal })), { name: "AbortError" });
  assert.equal(asked.length, 1);
  const ignored = fetch(new Request("http://h", { signal: controller.signal }), { signal: null });
  fetched(asked[1].token, 200, [], new Uint8Array(0));
  assert.equal((await ignored).status, 200);
  await assert.rejects(fetch("http://h", { signal: 1 }), TypeError);
});

test("sends bodies of every kind", async () => {
  const { fetch, asked, FormData, Blob, File, Request, ReadableStream } = host(() => [200]);
  const form = new FormData();
  form.append('a"\n', "x\ny");
  form.append("f", new File(["content"], 'n"m', { type: "text/x" }));
  form.append("g", new Blob(["b"]));
  const stream = () => ReadableStream.from([new TextEncoder().encode("a"), new TextEncoder().encode("b")]);
  const bodies = [
    ["text", "text/plain;charset=UTF-8"], [new URLSearchParams("a=b c"), "application/x-www-form-urlencoded;charset=UTF-8"], [new TextEncoder().encode("xay").subarray(1, 2)], [new TextEncoder().encode("xay").buffer],
    [new Blob(["q"], { type: "Image/X" }), "image/x"], [new Blob(["q"])], [form, `multipart/form-data; boundary=----formdata-holdfast-${"ab".repeat(16)}`], [stream()],
  ];
  for (const [body] of bodies) await fetch("http://h", { method: "POST", body });
  assert.deepEqual(asked.map(({ headers }) => headers["content-type"]), bodies.map(([, type]) => type));
  const mark = `------formdata-holdfast-${"ab".repeat(16)}`;
  assert.deepEqual(asked.map(({ body }) => body), ["text", "a=b+c", "a", "xay", "q", "q",
    `${mark}\r\nContent-Disposition: form-data; name="a%22%0D%0A"\r\n\r\nx\r\ny\r\n` +
    `${mark}\r\nContent-Disposition: form-data; name="f"; filename="n%22m"\r\nContent-Type: text/x\r\n\r\ncontent\r\n` +
    `${mark}\r\nContent-Disposition: form-data; name="g"; filename="blob"\r\nContent-Type: application/octet-stream\r\n\r\nb\r\n${mark}--\r\n`, "ab"]);
  const request = new Request("http://h", { method: "PUT", body: "once" });
  await fetch(request);
  assert.deepEqual([asked.at(-1).body, request.bodyUsed], ["once", true]);
  await assert.rejects(fetch(request), TypeError);
  const read = await new web.Response(form).formData();
  assert.deepEqual([read.get('a"\r\n'), read.get("f").name, await read.get("f").text(), read.get("g").type], ["x\r\ny", 'n"m', "content", "application/octet-stream"]);
  await assert.rejects(fetch("http://h", { method: "POST", body: ReadableStream.from([1]) }), { message: "fetch failed" });
});

test("data: addresses", async () => {
  for (const url of ["data:,a%20b", "data:text/html,<p>ä", "data:text/plain;charset=x;base64,YWI=", "data:;base64,%59WI"]) {
    const [mine, node] = [await web.fetch(url), await fetch(url)];
    assert.deepEqual([mine.status, await mine.text()], [node.status, await node.text()], url);
  }
  await assert.rejects(web.fetch("data:;base64,***"), { message: "fetch failed" });
  await assert.rejects(web.fetch("data:x"), { message: "fetch failed" });
});

test("Headers are as Node's", async () => {
  const inits = [undefined, { a: "1", B: "2" }, [["a", "1"], ["A", "2"], ["Set-Cookie", "x"], ["set-cookie", "y"]], new Map([["z", " v\t"], ["a", "b"]]), null, 1, [["a"]], [["a", "b", "c"]], { "a b": "c" }, { "": "c" }, { a: "b\nc" }, { a: "b\0" }, { a: "ä" }, { a: "€" }, { a: "\r\n x \n" }, { é: "x" }, { a: undefined }, { cookie: "a" }];
  for (const init of inits) await both(({ Headers }) => [...new Headers(init)]);
  await both(({ Headers }) => {
    const headers = new Headers({ b: "1" });
    headers.append("A", "2");
    headers.append("b", "3");
    headers.append("set-cookie", "x=1");
    headers.append("Set-Cookie", "y=2");
    const log = [headers.get("B"), headers.get("c"), headers.has("a"), headers.get("set-cookie"), headers.getSetCookie(), [...headers.keys()], [...headers.values()]];
    headers.set("b", "4");
    headers.delete("a");
    headers.forEach((value, name, self) => log.push([value, name, self === headers]));
    return [log, Object.prototype.toString.call(headers), [...new Headers(headers)]];
  });
  for (const call of [(h) => h.get(), (h) => h.set("a"), (h) => h.append("a b", "c"), (h) => h.delete("("), (h) => h.has("")]) await both(({ Headers }) => call(new Headers()));
});

test("Response is as Node's", async () => {
  const look = async (r) => [r.status, r.statusText, r.ok, r.type, r.url, r.redirected, [...r.headers], r.bodyUsed, r.body === null, await r.text(), r.bodyUsed];
  const makes = [({ Response: R }) => new R(), ({ Response: R }) => new R(null, { status: 204 }), ({ Response: R }) => new R("x", { status: 204 }), ({ Response: R }) => new R("x", { status: 199 }), ({ Response: R }) => new R("x", { status: 600 }),
    ({ Response: R }) => new R("ä", { status: 404, statusText: "no", headers: { a: "b" } }), ({ Response: R }) => new R("x", { statusText: "a\n" }), ({ Response: R }) => R.json({ a: [1] }, { status: 201 }), ({ Response: R }) => R.json(1, { headers: { "content-type": "x/y" } }),
    ({ Response: R }) => R.json(undefined), ({ Response: R }) => R.error(), ({ Response: R }) => R.redirect("http://h/ä", 301), ({ Response: R }) => R.redirect("http://h", 200), ({ Response: R, Blob: B }) => new R(new B(["q"], { type: "a/b" })), ({ Response: R }) => new R(new Uint8Array([0xef, 0xbb, 0xbf, 65, 0xff])), ({ Response: R }) => new R(5)];
  for (const make of makes) await both(async (classes) => look(await make(classes)));
  await both(async ({ Response }) => {
    const response = new Response("text");
    const copy = response.clone();
    const all = [await response.arrayBuffer(), await copy.text(), await new Response("[1]").json(), (await new Response("b", { headers: { "content-type": "c/d" } }).blob()).type];
    const none = new Response();
    return [...all, await none.text(), await none.text(), none.bodyUsed];
  });
  await both(({ Response }) => new Response("{").json());
  await both(async ({ Response }) => [...(await new Response("a=1&b=2+3", { headers: { "content-type": "application/x-www-form-urlencoded" } }).formData())]);
  await both(({ Response }) => new Response("x").formData());
});

test("Request is as Node's", async () => {
  const look = async (r) => [r.url, r.method, [...r.headers], r.redirect, r.mode, r.credentials, r.cache, r.referrer, r.referrerPolicy, r.integrity, r.keepalive, r.destination, r.signal.aborted, await r.text()];
  const inits = [undefined, { method: "post" }, { method: "patch" }, { method: "TRACE" }, { method: "a b" }, { body: "x" }, { method: "HEAD", body: "" }, { method: "PUT", body: "x", headers: [["A", "b"]] }, { redirect: "no" }, { redirect: "manual", cache: "no-store", keepalive: true }, { signal: AbortSignal.abort() }];
  for (const init of inits) {
    await both(async ({ Request }) => look(new Request("http://h/#x", init)));
    await both(async ({ Request }) => look(new Request(new Request("http://h", { method: "DELETE", body: "first", headers: { "x-y": "z" } }), init)));
    await both(async ({ Request }) => look(new Request("http://h", init).clone()));
  }
  for (const url of ["x", "http://u@h", ""]) await both(({ Request }) => new Request(url));
  await both(async ({ Request }) => {
    const request = new Request("http://h", { method: "POST", body: "x" });
    await request.text();
    return new Request(request);
  });
});

test("Blob, File and FormData are as Node's", async () => {
  await both(async ({ Blob }) => {
    const blob = new Blob(["aä", new Uint8Array([66, 67]), new Blob(["d"]), 5], { type: "Text/X" });
    const slice = blob.slice(-3, -1, "a/b");
    return [blob.size, blob.type, await blob.text(), await blob.arrayBuffer(), slice.size, slice.type, await slice.text(), `${blob}`, new Blob([], { type: "é" }).type];
  });
  for (const parts of ["text", 5, null]) await both(({ Blob }) => new Blob(parts).size);
  await both(async (classes) => {
    const File = classes.File ?? (await import("node:buffer")).File;
    const file = new File(["x"], "name", { lastModified: 5, type: "a/b" });
    return [file.name, file.lastModified, file.type, file.size, `${file}`];
  });
  await both(async ({ FormData, Blob }) => {
    const form = new FormData();
    form.append("a", 1);
    form.append("a", "2");
    form.append("b", new Blob(["x"]), "file");
    form.set("c", new Blob(["y"]));
    const log = [form.get("a"), form.getAll("a"), form.get("no"), form.has("b"), form.get("b").name, form.get("c").name];
    form.set("a", "3");
    form.delete("b");
    return [log, [...form.keys()], form.get("a"), `${form}`];
  });
  for (const call of [(f) => f.append("a"), (f) => f.append("a", "b", "c")]) await both(({ FormData }) => call(new FormData()));
});

test("bodies are streams too", async () => {
  await both(async ({ Response }) => {
    const response = new Response("text");
    const reader = response.body.getReader();
    const log = [response.body.locked, response.bodyUsed, Buffer.from((await reader.read()).value).toString(), (await reader.read()).done, response.bodyUsed];
    await reader.closed;
    reader.releaseLock();
    return [...log, response.body.locked];
  });
  await both(async ({ Response }) => {
    const seen = [];
    for await (const chunk of new Response("text").body) seen.push(Buffer.from(chunk).toString());
    return seen;
  });
  await both(async ({ Response, ReadableStream }) => {
    let count = 0;
    const response = new Response(new ReadableStream({
      pull(controller) {
        if (count === 3) controller.close();
        else controller.enqueue(new TextEncoder().encode(`${count++}`));
      },
    }));
    const copy = response.clone();
    return [await response.text(), await copy.text()];
  });
  await both(async ({ ReadableStream }) => {
    const log = [];
    const stream = new ReadableStream({ start: (controller) => controller.enqueue(1), cancel: (reason) => void log.push(reason) });
    for await (const chunk of stream) {
      log.push(chunk);
      break;
    }
    return [log, stream.locked];
  });
  await both(({ Response, ReadableStream }) => new Response(new ReadableStream({ start: (controller) => controller.error(new RangeError("bad")) })).text());
  await both(async ({ ReadableStream }) => {
    const stream = new ReadableStream();
    stream.getReader();
    return stream.getReader();
  });
  await both(({ Response, ReadableStream }) => {
    const stream = new ReadableStream();
    stream.getReader();
    return new Response(stream);
  });
});

test("node:http does nothing, and says so once", async () => {
  const lines = [];
  setLog((line) => lines.push(line));
  const server = http.createServer((request) => request);
  assert.equal(await new Promise((resolve) => server.listen(3000, () => resolve("listening"))), "listening");
  assert.equal(await new Promise((resolve) => server.close(() => resolve("closed"))), "closed");
  assert.equal(server.listen().address(), null);
  assert.equal(lines.length, 1);
  assert.match(lines[0], /`listen` in holdfast\.toml/);
  let count = 0;
  server.on("x", () => count++).once("x", () => count++);
  assert.deepEqual([server.emit("x"), server.emit("x"), count, server.emit("y"), server.listenerCount("request")], [true, true, 3, false, 1]);
  assert.deepEqual(http.STATUS_CODES, { ...nodeHttp.STATUS_CODES });
  assert.ok(["GET", "POST", "M-SEARCH"].every((method) => http.METHODS.includes(method)));
  for (const name of ["request", "get"]) assert.throws(() => http[name]("http://h"), /use fetch/);
  assert.throws(() => http.createServer({}, 5), TypeError);
});

// Requests that need no session, or use one wrongly: methods, queries, headers, preflights.
//
// Used by programs.mjs.

const METHODS = ["GET", "GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
const TRANSPORTS = ["polling", "polling", "polling", "websocket", "webtransport", "pigeon", "__proto__", "constructor", "", "Polling", "polling%20", "%70olling"];
const REVISIONS = ["4", "4", "4", "4", "3", "5", "", "04", "4.0", "four", "2"];
const SIDS = [null, null, null, "$0", "$0", "AAAAAAAAAAAAAAAAAAAA", "__proto__", "constructor", "", "x", "a".repeat(300), "%00", "..%2f..", "$0x"];
const ORIGINS = ["https://a.example", "http://a.example", "https://x.b.example", "https://b.example", "null", "https://evil.example", "https://a.example.evil", "", "*", "https://A.example"];
const PATHS = ["/socket.io/", "/socket.io/", "/socket.io/", "/socket.io/", "/socket.io/", "/socket.io/", "/socket.io", "/socket.io//", "/socket.io/x", "/socket.io/x/y", "/socket.iox/", "/Socket.io/", "/socket%2eio/", "/socket.io/./"];

/** A query and path that may be wrong in one or two places. */
function target(random) {
  const good = () => !random.once(4);
  const parts = [];
  const add = (key, value) => value !== null && parts.push(`${key}=${value}`);
  add("EIO", good() ? "4" : random.of(REVISIONS));
  add("transport", good() ? "polling" : random.of(TRANSPORTS));
  add("sid", random.of(SIDS));
  if (random.once(8)) parts.splice(random.below(parts.length), 1);
  if (random.once(8)) parts.push(random.of(["t=abc", "b64=1", "x=%F0%9F%98%80", "EIO=3", "transport=pigeon", "sid=twice", "transport=polling", "%", "=", "&", "j=0"]));
  if (random.once(6)) parts.reverse();
  return `${random.of(PATHS)}${random.once(40) ? "" : "?"}${parts.join("&")}`;
}

function headers(random, config) {
  const list = [];
  if (random.once(config.cors ? 1 : 3)) list.push(["Origin", random.of(ORIGINS)]);
  if (random.once(10)) list.push(["User-Agent", random.of(["Mozilla/4.0 (compatible;MSIE 8.0)", "x;MSIE 7", "Trident/7.0", "curl"])]);
  if (random.once(10)) list.push(["Accept-Encoding", random.of(["gzip", "deflate", "br", "gzip;q=0, deflate", "*", "identity"])]);
  if (random.once(12)) list.push(["Connection", random.of(["close", "keep-alive"])]);
  if (random.once(12)) list.push(["Cookie", "io=abc; lb=xyz"]);
  return list;
}

function preflight(random) {
  const list = [["Origin", random.of(ORIGINS)], ["Access-Control-Request-Method", random.of(["POST", "GET", "PUT", "x"])]];
  if (random.once(2)) list.push(["Access-Control-Request-Headers", random.of(["content-type", "x-one, X-Two", "", "authorization"])]);
  return list;
}

/** One step: a request, an upgrade, or a preflight. */
export function requestStep(random, config) {
  if (random.once(config.cors ? 4 : 10)) return { op: "http", method: "OPTIONS", target: target(random), headers: preflight(random) };
  if (random.once(4)) return { op: "ws", target: socketTarget(random, config), headers: headers(random, config).filter(([name]) => name !== "Connection") };
  const method = random.of(METHODS);
  const list = headers(random, config);
  const body = ["POST", "PUT", "PATCH"].includes(method) ? random.of(["", "3", "40", "x", "1"]) : undefined;
  if (body !== undefined) list.push(["Content-Type", random.of(["text/plain;charset=UTF-8", "text/plain", "application/octet-stream", "application/octet-stream;x=y", "application/json", ""])]);
  return { op: "http", method, target: withoutHanging(target(random), method), headers: list, body };
}

/** A GET for a live session would wait for what never comes. */
function withoutHanging(written, method) {
  return method === "GET" ? written.replace("$0x", "$00").replace(/\$0(?!\d)/, "$9") : written;
}

function socketTarget(random, config) {
  const good = () => !random.once(3);
  const eio = good() ? "4" : random.of(config.eio3 ? REVISIONS : REVISIONS);
  const transport = good() ? "websocket" : random.of(["polling", "pigeon", "", "__proto__", "webtransport"]);
  const sid = random.of([null, null, "$0", "AAAAAAAAAAAAAAAAAAAA", "__proto__", "x"]);
  return `${random.once(12) ? random.of(PATHS.filter((path) => path.startsWith("/socket.io/"))) : "/socket.io/"}?EIO=${eio}&transport=${transport}${sid === null ? "" : `&sid=${sid}`}`;
}

/** Sessions to use, and requests around them. */
export function requests(random, config) {
  return [{ op: "open", as: 0, way: random.of(["polling", "polling", "websocket"]) }, ...random.some(4, 9, () => requestStep(random, config))];
}

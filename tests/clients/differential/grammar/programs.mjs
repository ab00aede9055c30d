// Programs: what one seed does to both servers. Each kind looks at one side of the protocol.
//
// Used by run.mjs. A program is made without knowing what a server answers, so it is the same for both.

import { binary, deed, deep, echo, event, json, mutated, ODD_ENGINE, odd } from "./packets.mjs";
import { Random } from "../random.mjs";
import { requests } from "./requests.mjs";
import { added } from "./settings.mjs";

const WAYS = ["polling", "websocket", "upgrade"];

/** The program of a seed in a configuration: { kind, steps }. */
export function program(seed, config) {
  const random = new Random(seed);
  const [kind, make] = random.weighted(kinds(config));
  const steps = make(random, config, seed);
  return { kind, steps };
}

function kinds(config) {
  const own = added(config);
  if (own.instead) return [[1, ["requests", requests]], ...own.kinds];
  return [
    ...own.kinds,
    [4, ["requests", requests]],
    [5, ["talk", talk]],
    [6, ["odd packets", oddPackets]],
    [3, ["odd payloads", oddPayloads]],
    [3, ["frames", frames]],
    [4, ["upgrades", upgrades]],
    [3, ["overlaps", overlaps]],
    [2, ["ends", ends]],
    [1, ["sizes", sizes]],
  ];
}

/** Opens a session by some way and joins. */
function joined(random, as, { way = random.of(WAYS), eio = 4, query, nsp = "/" } = {}) {
  const open = { op: "open", as, way: way === "upgrade" ? "polling" : way, eio, query };
  const join = [{ op: "send", to: as, packets: [nsp === "/" ? "40" : `40${nsp},`] }, { op: "settle", to: as }];
  if (way !== "upgrade") return [open, ...join];
  const change = { op: "upgrade", to: as, finish: ["5"], hang: random.once(2), patient: true };
  return random.once(2) ? [open, ...join, change] : [open, change, ...join];
}

/** Valid conversations of one to three clients. */
function talk(random, _, seed) {
  const clients = [...Array(1 + random.below(3)).keys()];
  const steps = clients.flatMap((as) => joined(random, as, { query: random.once(3) ? "&colour=blue&x=1&x=2" : undefined }));
  const room = `room-${seed}-${random.below(2)}`;
  const elsewhere = new Set();
  for (let times = 2 + random.below(8); times > 0; times -= 1) {
    const to = random.of(clients);
    const nsp = elsewhere.has(to) && random.once(2) ? "/echo" : "/";
    steps.push(
      ...random.weighted([
        [6, () => [{ op: "send", to, packets: random.some(1, 3, () => echo(random, nsp)).flat() }]],
        [6, () => [{ op: "send", to, packets: random.some(1, 2, () => deed(random, room)).flat() }]],
        [1, () => [{ op: "send", to, packets: event("/", "ask", [json(random)], { id: 5 }) }, { op: "settle", to }, { op: "answer", to, args: "[1,2]" }]],
        [2, () => (elsewhere.has(to) ? [{ op: "send", to, packets: [`42/echo,["any",${json(random)}]`] }] : (elsewhere.add(to), [{ op: "send", to, packets: ["40/echo,"] }]))],
        [1, () => [{ op: "send", to, packets: [random.of(["40/admin,", '40/admin,{"token":"open sesame"}', "40/nowhere,", '40/nowhere,{"a":1}'])] }]],
        [1, () => (elsewhere.delete(to) ? [{ op: "send", to, packets: ["41/echo,"] }] : [])],
        [1, () => [{ op: "send", to, packets: event("/", "disconnect-me", [random.of(["true", "false"])]) }]],
      ])(),
      { op: "settle", to },
    );
    if (random.once(2)) steps.push(...clients.map((one) => ({ op: "settle", to: one })));
  }
  return steps;
}

/** One client who says what no library says. */
function oddPackets(random) {
  const way = random.of(WAYS);
  // On a WebSocket it would depend on how TCP cuts it.
  if (random.once(20)) return [{ op: "open", as: 0, way: "polling" }, { op: "send", to: 0, packets: ["40", ...echo(random, "/")] }, { op: "settle", to: 0 }];
  const steps = random.once(8) ? [{ op: "open", as: 0, way: way === "upgrade" ? "polling" : way }] : joined(random, 0, { way });
  if (random.once(3)) steps.push({ op: "send", to: 0, packets: ["40/echo,"] }, { op: "settle", to: 0 });
  for (let times = 1 + random.below(4); times > 0; times -= 1) {
    const packets = random.once(15) ? [deep(random.of([10, 100, 300, 500, 520, 1000]), !random.once(4))] : odd(random, random.of(["/", "/echo"]));
    steps.push({ op: "send", to: 0, packets });
    if (!random.once(4)) steps.push({ op: "settle", to: 0 });
  }
  return steps;
}

/** POST bodies that are no payload, and frames that are no packet. */
function oddPayloads(random) {
  const steps = joined(random, 0, { way: random.of(["polling", "polling", "websocket"]) });
  for (let times = 1 + random.below(3); times > 0; times -= 1) {
    const packets = random.some(1, 3, () => random.weighted([[3, () => random.of(ODD_ENGINE)], [2, () => mutated(random, '42["echo",1]')], [1, () => binary(random)], [2, () => '42["echo",2]']])());
    const contents = ["text/plain", "application/octet-stream", "application/json", "application/octet-stream; charset=x"];
    const headers = random.once(6) ? [["Content-Type", random.of(contents)]] : undefined;
    steps.push({ op: "send", to: 0, packets, headers }, { op: "settle", to: 0 });
  }
  if (random.once(2)) steps.push({ op: "gone", to: 0 });
  return steps;
}

/** WebSocket frames, allowed and forbidden. */
function frames(random) {
  const steps = joined(random, 0, { way: random.of(["websocket", "websocket", "upgrade"]) });
  const text = () => random.of(['42["echo","frames"]', "3", '42["echo","漢字"]', ""]);
  const one = (o, p, more) => ({ o, p, f: true, ...more });
  for (let times = 1 + random.below(3); times > 0; times -= 1) {
    const list = random.weighted([
      [3, () => [one(1, text(), { f: false }), one(0, ""), ...(random.once(4) ? [one(1, text())] : [])]],
      [3, () => [{ ...one(1, '42["ec'), f: false }, { ...one(0, "ho\","), f: false }, ...(random.once(2) ? [one(9, "between")] : []), one(0, "1]")]],
      [2, () => [one(9, random.of(["", "ping", "x".repeat(125)]))]],
      [1, () => [one(10, "unasked")]],
      [1, () => [one(9, "x".repeat(126))]],
      [1, () => [one(9, "parts", { f: false })]],
      [1, () => [one(random.of([3, 7, 11, 15]), "reserved opcode")]],
      [1, () => [one(1, text(), { r: random.of([1, 2, 4]) })]],
      [1, () => [one(1, text(), { m: false })]],
      [1, () => [one(0, "nothing to continue")]],
      [1, () => [one(1, text(), { f: false }), one(1, text())]],
      [2, () => [one(1, { b: Buffer.from([0x34, 0x32, 0x5b, 0x22, 0xff, 0x22, 0x5d]).toString("base64") })]],
      [1, () => [one(1, { b: Buffer.from("42[\"echo\",\"😀\"]").subarray(0, 14).toString("base64") }, { f: false }), one(0, { b: Buffer.from("42[\"echo\",\"😀\"]").subarray(14).toString("base64") })]],
      [1, () => [one(2, { b: "" })]],
      [1, () => [one(2, '42["echo"]')]],
      [2, () => [one(8, closing(random))]],
      [1, () => [one(8, closing(random)), one(1, '42["echo","after close"]')]],
      [1, () => [one(1, '42["echo",1]'), one(1, '42["echo",2]'), one(1, '42["echo",3]')]],
    ])();
    steps.push({ op: "frames", to: 0, frames: list, pieces: random.of([1, 1, 2, 5]) }, { op: "settle", to: 0 });
  }
  return steps;
}

/** The payload of a close frame. */
function closing(random) {
  const code = random.of([1000, 1001, 1002, 1003, 1005, 1006, 1007, 1011, 1015, 1016, 2999, 3000, 4999, 5000, 999, 0]);
  const bytes = Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(random.of(["", "bye", "ü"]))]);
  return random.of([{ b: "" }, { b: "AQ==" }, { b: bytes.toString("base64") }, { b: bytes.toString("base64") }, { b: Buffer.concat([bytes.subarray(0, 2), Buffer.from([0xff])]).toString("base64") }]);
}

/** Upgrades that succeed, fail, come twice, or are left alone. */
function upgrades(random) {
  const steps = random.once(4) ? [{ op: "open", as: 0, way: "polling" }] : joined(random, 0, { way: "polling" });
  for (let times = 1 + random.below(2); times > 0; times -= 1) {
    const during = random.once(2) ? random.some(1, 2, () => echo(random, "/")) : undefined;
    steps.push({
      op: "upgrade",
      to: 0,
      hang: random.once(2),
      patient: random.once(2),
      probe: random.weighted([[6, ["2probe"]], [1, ["2prob"]], [1, ["2"]], [1, ["3probe"]], [1, ["5"]], [1, ['42["echo",1]']], [1, ["2probe", "2probe"]], [1, [""]], [1, ["6"]], [1, [{ b: "AQID" }]], [1, []]]),
      during,
      finish: random.weighted([[6, ["5"]], [1, undefined], [1, ["5x"]], [1, ["2"]], [1, ['42["echo",1]']], [2, ["5", ...echo(random, "/")]]]),
      drop: random.once(2),
    });
    if (random.once(2)) steps.push({ op: "http", method: random.of(["POST", "PUT", "POST"]), target: "/socket.io/?EIO=4&transport=polling&sid=$0", headers: [["Content-Type", "text/plain"]], body: "3" });
    if (random.once(3)) steps.push({ op: "ws", target: "/socket.io/?EIO=4&transport=websocket&sid=$0" });
    steps.push({ op: "send", to: 0, packets: echo(random, "/") }, { op: "settle", to: 0 });
  }
  return steps;
}

/** Two polls, two posts, and what is sent in between. */
function overlaps(random) {
  const steps = [...joined(random, 0, { way: "polling" }), ...(random.once(2) ? joined(random, 1, { way: random.of(["polling", "websocket"]) }) : [])];
  const all = '42["all","for everybody"]';
  steps.push(
    ...random.weighted([
      [3, () => [{ op: "hang", to: 0 }, { op: "overlap", to: 0 }, { op: "take", to: 0 }]],
      [2, () => [{ op: "hang", to: 0 }, { op: "send", to: 0, packets: ['42["echo",1]'] }, { op: "take", to: 0 }]],
      [3, () => [{ op: "hold", to: 0, as: "a", packets: ['42["echo",1]', '42["echo",2]'] }, { op: "overlap", to: 0, method: "POST", body: "3" }, { op: "finish", as: "a" }]],
      [2, () => [{ op: "hold", to: 0, as: "a", packets: ['42["echo",1]', '42["echo",2]'] }, { op: "giveUp", as: "a" }]],
      [2, () => [{ op: "hold", to: 0, as: "a", packets: ['42["echo",1]', '42["echo",2]'] }, { op: "hang", to: 0 }, { op: "finish", as: "a" }, { op: "take", to: 0 }]],
      [1, () => [{ op: "hang", to: 0 }, { op: "send", to: 0, packets: [random.of(["1", "41", "2", "7", "49"])] }, { op: "take", to: 0 }]],
      [1, () => [{ op: "hang", to: 0 }, { op: "send", to: 1, packets: [all] }, { op: "settle", to: 1 }, { op: "take", to: 0 }]],
      [1, () => [{ op: "hang", to: 0 }, { op: "overlap", to: 0, method: random.of(["PUT", "DELETE", "HEAD", "OPTIONS"]) }, { op: "send", to: 0, packets: ['42["echo",1]'] }, { op: "take", to: 0 }]],
      [2, () => [{ op: "race", requests: [1, 2].map(() => ({ method: "GET", target: "/socket.io/?EIO=4&transport=polling&sid=$0" })) }]],
      [1, () => [{ op: "race", requests: [1, 2, 3].map(() => ({ method: "GET", target: `/socket.io/?EIO=4&transport=polling&sid=${random.of(["x", "y", "__proto__"])}` })) }]],
      [1, () => [{ op: "send", to: 0, packets: ['42["echo",1]', "1", '42["echo",2]'] }]],
    ])(),
    { op: "gone", to: 0 },
  );
  if (random.once(2)) steps.push({ op: "settle", to: 0 });
  return steps;
}

/** How sessions end, and who is told. */
function ends(random, _, seed) {
  const way = random.of(WAYS);
  const room = JSON.stringify(`end-${seed}`);
  const steps = [...joined(random, 0, { way }), ...joined(random, 1)];
  steps.push(
    { op: "send", to: 1, packets: event("/", "chat:join", [room, '"bob"'], { id: 1 }) },
    { op: "settle", to: 1 },
    { op: "send", to: 0, packets: event("/", "chat:join", [room, '"ann"'], { id: 1 }) },
    { op: "settle", to: 0 },
    { op: "settle", to: 1 },
  );
  if (random.once(3)) steps.push({ op: "send", to: 0, packets: ["40/echo,"] }, { op: "settle", to: 0 });
  steps.push(
    random.weighted([
      [3, { op: "cut", to: 0 }],
      [2, { op: "send", to: 0, packets: ["41"] }],
      [1, { op: "send", to: 0, packets: ["1"] }],
      [1, { op: "send", to: 0, packets: ["2"] }],
      [1, { op: "send", to: 0, packets: ["41/echo,"] }],
      [1, { op: "send", to: 0, packets: ['42["disconnect-me",true]'] }],
      [1, { op: "send", to: 0, packets: ['42["disconnect-me",false]'] }],
      [1, { op: "frames", to: 0, frames: [{ o: 8, f: true, p: closing(random) }] }],
      [1, { op: "send", to: 0, packets: ["40"] }],
    ]),
    { op: "gone", to: 0 },
    { op: "settle", to: 1 },
    { op: "settle", to: 0 },
  );
  return steps;
}

/** Around the longest message. */
function sizes(random, config) {
  const most = config.message_bytes_max ?? 1_000_000;
  const way = random.of(WAYS);
  const steps = joined(random, 0, { way });
  const rest = '42["echo",""]'.length;
  const length = most + random.of([-1000, -1, 0, 1, 100]) - rest;
  steps.push({ op: "send", to: 0, packets: random.once(4) ? ["451-[\"echo\",{\"_placeholder\":true,\"num\":0}]", { b: Buffer.alloc(Math.max(0, length), 7).toString("base64") }] : [`42["echo","${"x".repeat(Math.max(0, length))}"]`] });
  steps.push({ op: "settle", to: 0 }, { op: "gone", to: 0 });
  return steps;
}

// Programs for what a configuration adds: Engine.IO 3, compression, the msgpack parser, recovery, short times.
//
// Used by programs.mjs, which adds them to the kinds that every configuration has, or puts them in their place.

import { deflateRawSync } from "node:zlib";
import { echo, event, json } from "./packets.mjs";

/** [[weight, [kind, make]], …], and whether the kinds of the default parser are left out. */
export function added(config) {
  if (config.parser === "msgpack") return { instead: true, kinds: [[4, ["msgpack talk", packedTalk]], [6, ["msgpack odd", packedOdd]]] };
  if (config.quick) return { instead: true, kinds: [[1, ["times", times]]] };
  const kinds = [];
  if (config.eio3) kinds.push([14, ["revision 3", revision3]], [4, ["revision 3 requests", requests3]]);
  if (config.deflate) kinds.push([20, ["compression", compression]]);
  if (config.offsets) kinds.push([25, ["recovery", recovery]]);
  return { instead: false, kinds };
}

// ---------------------------------------------------------------- Engine.IO 3

const ODD3 = ["", ":", "1:", "2:40", "3:42x", "0:", "-1:x", "1:3x", "999:4", "x", "2:4", "11:42[\"echo\",1]", "1:2", "1:1", "1:3", "1:6", "6:2probe", "5:b4AQI=", "4:b4!!", "14:42[\"echo\",\"😀\"]", "15:42[\"echo\",\"😀\"]", "1 :2", "1:21:2"];

function revision3(random) {
  const way = random.of(["polling", "polling", "websocket", "upgrade"]);
  const query = random.of(["", "", "&b64=1", "&token=open%20sesame", "&colour=blue"]);
  const steps = [{ op: "open", as: 0, way: way === "upgrade" ? "polling" : way, eio: 3, query }];
  if (!random.once(4)) steps.push({ op: "settle", to: 0 });
  if (way === "upgrade") steps.push({ op: "upgrade", to: 0, probe: ["2probe"], finish: random.of([["5"], ["5"], undefined]), hang: random.once(2), patient: true });
  for (let times = 1 + random.below(5); times > 0; times -= 1) {
    const packets = random.weighted([
      [6, () => echo(random, "/")],
      [2, () => event("/", "whoami", [], { id: 3 })],
      [2, () => [random.of(["40/echo,", "40/echo", "40/echo?colour=blue", "40/echo?a=1&b=%20,", "40/nowhere", "40/nowhere?x=1,", "40/admin", "40/admin?token=open%20sesame", "40/admin?token=wrong,", "40", "40/", '40/echo,{"a":1}'])]],
      [2, () => [random.of(['42/echo,["echo",1]', '42/echo,1["any"]', "41/echo", "41/echo,", "41", '42/echo?colour=blue,["echo",1]'])]],
      [2, () => [random.of(["2", "2probe", "2x", "3", "5", "6", "1", "0", "7", "", "b", "44"])]],
      [1, () => ['42["disconnect-me",true]']],
      [1, () => ['42["disconnect-me",false]']],
      [1, () => event("/", "ask", [json(random)], { id: 5 })],
      [1, () => event("/", "all", [json(random)])],
    ])();
    steps.push({ op: "send", to: 0, packets });
    if (/"ask"/.test(packets[0])) steps.push({ op: "settle", to: 0 }, { op: "answer", to: 0, args: "[1]" });
    if (!random.once(5)) steps.push({ op: "settle", to: 0 });
  }
  if (random.once(4)) steps.push({ op: "gone", to: 0 });
  return steps;
}

/** Payloads, JSONP and mismatches, byte by byte. */
function requests3(random) {
  const steps = [{ op: "open", as: 0, way: "polling", eio: random.of([3, 3, 3, 4]) }, { op: "settle", to: 0 }];
  const target = (more = "") => `/socket.io/?EIO=3&transport=polling&sid=$0${more}`;
  const text = [["Content-Type", "text/plain;charset=UTF-8"]];
  for (let times = 1 + random.below(4); times > 0; times -= 1) {
    steps.push(
      ...random.weighted([
        [4, () => [{ op: "http", method: "POST", target: target(), headers: text, body: random.of(ODD3) + random.of(["", "", random.of(ODD3)]) }, { op: "settle", to: 0 }]],
        [3, () => [{ op: "http", method: "POST", target: target(), headers: [["Content-Type", "application/octet-stream"]], body: { b: binaryPayload(random).toString("base64") } }, { op: "settle", to: 0 }]],
        [2, () => [{ op: "http", method: "POST", target: target(`&j=${random.of(["0", "1", "x", ""])}`), headers: [["Content-Type", "application/x-www-form-urlencoded"]], body: `d=${encodeURIComponent(random.of(['13:42["echo",1]', '14:42["echo","é"]', "1:2", '18:42["echo","a\\\\nb"]', "junk"]))}` }, { op: "settle", to: 0 }]],
        [2, () => [{ op: "http", method: "GET", target: `/socket.io/?EIO=3&transport=polling&j=${random.of(["0", "7", "abc", "__proto__", "1;alert(1)", ""])}`, headers: [] }]],
        [1, () => [{ op: "http", method: "GET", target: `/socket.io/?EIO=3&transport=polling&b64=${random.of(["1", "0", ""])}`, headers: [] }]],
        [1, () => [{ op: "http", method: "POST", target: "/socket.io/?EIO=4&transport=polling&sid=$0", headers: text, body: "3" }, { op: "settle", to: 0 }]],
        [1, () => [{ op: "ws", target: `/socket.io/?EIO=${random.of(["3", "", "2"])}&transport=websocket` }]],
      ])(),
    );
  }
  return steps;
}

/** <0|1><digits of the length>255<packet>, with an error now and then. */
function binaryPayload(random) {
  const packets = random.some(1, 3, () => random.of([Buffer.from('42["echo",1]'), Buffer.from("2"), Buffer.from([4, 1, 2, 3]), Buffer.from('42["echo","é😀"]'), Buffer.from("451-[\"echo\",{\"_placeholder\":true,\"num\":0}]")]));
  return Buffer.concat(
    packets.map((packet) => {
      const digits = [...String(packet.length + (random.once(10) ? 1 : 0))].map(Number);
      return Buffer.concat([Buffer.from([packet[0] < 32 || random.once(12) ? 1 : 0, ...digits, random.once(15) ? 0 : 255]), packet]);
    }),
  );
}

// ---------------------------------------------------------------- compression

const OFFERS = [
  "permessage-deflate",
  "permessage-deflate; client_max_window_bits",
  "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
  "permessage-deflate; server_max_window_bits=10",
  "permessage-deflate; client_max_window_bits=9",
  "permessage-deflate; server_max_window_bits=8",
  "permessage-deflate; server_max_window_bits=99",
  "permessage-deflate; unknown=1",
  "permessage-deflate; unknown=1, permessage-deflate",
  "x-webkit-deflate-frame",
  "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
  "PERMESSAGE-DEFLATE",
];

function compression(random) {
  if (random.once(3)) return compressedPolls(random);
  const offer = random.of([OFFERS[0], OFFERS[1], OFFERS[2], ...OFFERS]);
  const headers = random.once(8) ? [] : [["Sec-WebSocket-Extensions", offer]];
  const steps = random.once(5)
    ? [{ op: "open", as: 0, way: "polling" }, { op: "send", to: 0, packets: ["40"] }, { op: "settle", to: 0 }, { op: "upgrade", to: 0, finish: ["5"], headers }]
    : [{ op: "open", as: 0, way: "websocket", headers }, { op: "send", to: 0, packets: ["40"] }, { op: "settle", to: 0 }];
  for (let times = 1 + random.below(4); times > 0; times -= 1) {
    const length = random.of([1, 40, 53, 54, 55, 63, 64, 65, 300, 70_000]);
    const text = `42["echo","${"ab".repeat(length).slice(0, length)}"]`;
    steps.push(
      ...random.weighted([
        [3, () => [{ op: "send", to: 0, packets: [text] }]],
        [3, () => [{ op: "frames", to: 0, frames: [squeezed(text)] }]],
        [1, () => [{ op: "frames", to: 0, frames: [{ ...squeezed(text), f: false }, { o: 0, p: "", f: true }] }]],
        [1, () => [{ op: "frames", to: 0, frames: split(text) }]],
        [1, () => [{ op: "frames", to: 0, frames: [{ o: 1, f: true, r: 4, p: random.of(["junk", "", { b: "AAAA" }, { b: "//8=" }]) }] }]],
        [1, () => [{ op: "frames", to: 0, frames: [{ ...squeezed(text), r: random.of([1, 2, 6]) }] }]],
        [1, () => [{ op: "frames", to: 0, frames: [squeezed(`42["echo","${"x".repeat(random.of([999_000, 1_000_100, 3_000_000]))}"]`)] }]],
        [1, () => [{ op: "frames", to: 0, frames: [{ o: 9, f: true, r: 4, p: "ping" }] }]],
        [1, () => [{ op: "send", to: 0, packets: ['451-["echo",{"_placeholder":true,"num":0}]', { b: Buffer.alloc(length, 5).toString("base64") }] }]],
        [1, () => [{ op: "send", to: 0, packets: [`42["all","${"z".repeat(length)}"]`] }]],
      ])(),
      { op: "settle", to: 0 },
    );
  }
  return steps;
}

/** A compressed text frame. */
function squeezed(text) {
  const bytes = deflateRawSync(Buffer.from(text), { finishFlush: 2 });
  return { o: 1, f: true, r: 4, p: { b: bytes.subarray(0, -4).toString("base64") } };
}

function split(text) {
  const bytes = Buffer.from(squeezed(text).p.b, "base64");
  return [{ o: 1, f: false, r: 4, p: { b: bytes.subarray(0, 3).toString("base64") } }, { o: 0, f: true, p: { b: bytes.subarray(3).toString("base64") } }];
}

function compressedPolls(random) {
  const accept = random.of(["gzip", "deflate", "gzip, deflate", "deflate, gzip", "br", "gzip, deflate, br", "identity", "*", "gzip;q=0", "gzip;q=0.5, deflate", "", "GZIP", "x-gzip"]);
  const steps = [{ op: "open", as: 0, way: "polling", headers: [["Accept-Encoding", accept]], keep: true }, { op: "send", to: 0, packets: ["40"] }, { op: "settle", to: 0 }];
  for (let times = 1 + random.below(3); times > 0; times -= 1) {
    const length = random.of([1, 100, 113, 114, 115, 116, 117, 127, 128, 129, 5000]);
    // What the poll is answered with is told: the poll is there before there is something to say.
    steps.push({ op: "hang", to: 0 }, { op: "send", to: 0, packets: [`42["echo","${"x".repeat(length)}"]`] }, { op: "take", to: 0 }, { op: "settle", to: 0 });
  }
  return steps;
}

// ---------------------------------------------------------------- msgpack

const open2 = (random, as = 0) => [
  { op: "open", as, way: random.of(["polling", "websocket"]) },
  { op: "send", to: as, packets: [{ m: { type: 0, nsp: "/" } }] },
  { op: "settle", to: as },
];

function packedTalk(random, _, seed) {
  const clients = [...Array(1 + random.below(2)).keys()];
  const steps = clients.flatMap((as) => open2(random, as));
  const room = `packed-${seed}`;
  for (let times = 2 + random.below(6); times > 0; times -= 1) {
    const to = random.of(clients);
    const id = random.once(2) ? random.below(1000) : undefined;
    const say = (name, ...args) => ({ m: { type: 2, data: [name, ...args], options: undefined, nsp: "/", ...(id === undefined ? {} : { id }) } });
    const packet = random.weighted([
      [6, () => say("echo", ...random.some(0, 3, () => value(random)))],
      [1, () => say("message", value(random))],
      [1, () => say("all", value(random))],
      [2, () => say("room:join", room)],
      [2, () => say("room:emit", room, value(random))],
      [1, () => say("whoami")],
      [1, () => say("broadcast", value(random))],
      [1, () => ({ m: { type: 0, nsp: random.of(["/echo", "/nowhere", "/admin"]), data: random.of([undefined, { token: "open sesame" }, { a: 1 }]) } })],
      [1, () => say("disconnect-me", random.once(2))],
    ])();
    steps.push({ op: "send", to, packets: [packet] }, ...clients.map((one) => ({ op: "settle", to: one })));
  }
  return steps;
}

/** A value that msgpack can carry; `{ $b }` is bytes. */
function value(random, depth = 0) {
  const kind = random.below(depth > 2 ? 6 : 8);
  if (kind === 0) return random.of([0, 1, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 9007199254740991, -1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, -9007199254740991]);
  if (kind === 1) return random.of([1.5, -0.25, 1e300, 3.4e38, 0.1]);
  if (kind === 2) return random.of([true, false, null]);
  if (kind <= 4) return random.of(["", "hello", "grüße", "漢字😀", "x".repeat(31), "x".repeat(32), "x".repeat(256), "__proto__"]);
  if (kind === 5) return { $b: Buffer.from(random.some(0, 5, () => random.below(256))).toString("base64") };
  if (kind === 6) return random.some(0, random.of([2, 3, 17]), () => value(random, depth + 1));
  return Object.fromEntries(random.some(0, 3, () => [random.of(["a", "b", "ключ", "num", "type"]), value(random, depth + 1)]));
}

function packedOdd(random) {
  const steps = open2(random);
  const good = { type: 2, data: ["echo", 1], nsp: "/" };
  const odd = () =>
    random.weighted([
      [8, () => ({ m: { ...good, [random.of(["type", "data", "nsp", "id"])]: random.of([undefined, null, 0, 1, 2, 3, 4, 5, 6, 1.5, -1, "", "/", "/echo", "x", [], {}, ["connect"], ["disconnect"], [1], [null], [[]], [{}], true, ["echo"]]) } })],
      [2, () => ({ m: { type: 0, nsp: random.of(["/", "/echo", "/nowhere", "", "echo", "/😀"]), data: random.of([undefined, null, {}, [], "x", 1, { token: "wrong" }]) } })],
      [1, () => ({ m: { type: 1, nsp: random.of(["/", "/echo"]), data: random.of([undefined, null, {}]) } })],
      [1, () => ({ m: { type: 3, nsp: "/", id: random.of([0, 99, undefined]), data: random.of([[], [1], null, {}]) } })],
      [1, () => ({ m: { type: 4, nsp: "/", data: random.of(["x", {}, null]) } })],
      [1, () => ({ m: random.of([null, 1, "x", [], [good], { ...good, more: 1 }, {}]) })],
      [2, () => random.of(['42["echo",1]', "40", "4", "", "2", "3", "6"])],
      [3, () => ({ b: mangled(random).toString("base64") })],
    ])();
  for (let times = 1 + random.below(3); times > 0; times -= 1) steps.push({ op: "send", to: 0, packets: [odd()] }, { op: "settle", to: 0 });
  return steps;
}

/** {type: 2, nsp: "/", data: ["echo", 1]} as bytes, with an error; or bytes of other kinds. */
function mangled(random) {
  const text = (string) => Buffer.concat([Buffer.from([0xa0 | string.length]), Buffer.from(string)]);
  const good = Buffer.concat([Buffer.from([0x83]), text("type"), Buffer.from([2]), text("nsp"), text("/"), text("data"), Buffer.from([0x92]), text("echo"), Buffer.from([1])]);
  const at = random.below(good.length);
  return random.of([
    () => good.subarray(0, at),
    () => Buffer.concat([good, Buffer.from([0])]),
    () => Buffer.concat([good.subarray(0, at), Buffer.from([random.below(256)]), good.subarray(at + 1)]),
    () => Buffer.concat([good.subarray(0, -1), Buffer.from(random.of([[0xc1], [0xd4, 1, 2], [0xd6, 0xff, 1, 2, 3, 4], [0xc7, 1, 0, 0], [0xdd, 0xff, 0xff, 0xff, 0xff], [0xc6, 0xff, 0xff, 0xff, 0xff], [0xcf, 255, 255, 255, 255, 255, 255, 255, 255], [0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0], [0xca, 0x7f, 0x80, 0, 0], [0xd9, 2, 0xff, 0xfe], [0xd4, 0, 0], [0xdf, 0, 0, 0, 0], [0x81, 1, 2], [0x81, 0xc0, 2], [0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2]]))]),
    () => Buffer.concat([good.subarray(0, -1), Buffer.alloc(random.of([10, 400, 2000]), 0x91), Buffer.from([1])]),
  ])();
}

// ---------------------------------------------------------------- recovery

function recovery(random, _, seed) {
  const way = () => random.of(["websocket", "websocket", "polling"]);
  const join = (as, auth = "") => [{ op: "open", as, way: way() }, { op: "send", to: as, packets: [`40${auth}`] }, { op: "settle", to: as }];
  const room = JSON.stringify(`recovery-${seed}`);
  const noise = () =>
    random.some(0, 3, () =>
      random.of([
        () => event("/", "room:emit", [room, json(random)])[0],
        () => event("/", "all", [json(random, 3)])[0],
        () => event("/", "broadcast", [json(random, 3)])[0],
        () => event("/", "except", [room, json(random, 3)])[0],
        () => event("/", "echo", [json(random, 3)])[0],
        () => event("/", "volatile", [json(random, 3)])[0],
      ])(),
    );
  const say = (to) => {
    const packets = noise();
    return packets.length ? [{ op: "send", to, packets }, { op: "settle", to }] : [];
  };
  const steps = [...join(0), ...join(1)];
  if (!random.once(3)) steps.push({ op: "send", to: 0, packets: event("/", "room:join", [room], { id: 1 }) }, { op: "settle", to: 0 });
  steps.push(...say(1), ...say(0));
  if (!random.once(5)) steps.push({ op: "send", to: 1, packets: ['42["all","known to all"]'] });
  steps.push({ op: "settle", to: 1 }, { op: "settle", to: 0 });
  steps.push(random.weighted([[6, { op: "cut", to: 0 }], [1, { op: "send", to: 0, packets: ["41"] }], [1, { op: "frames", to: 0, frames: [{ o: 8, f: true, p: { b: "A+g=" } }] }], [1, { op: "send", to: 0, packets: ['42["disconnect-me",true]'] }], [1, { op: "send", to: 0, packets: ["49"] }], [1, { op: "pause", ms: 1 }]]), { op: "gone", to: 0 });
  steps.push(...say(1), ...say(1));
  const wrong = random.of([undefined, undefined, undefined, undefined, "nonsense", ""]);
  steps.push({ op: "open", as: 2, way: way() }, { op: "recover", to: 2, from: 0, offset: wrong });
  steps.push({ op: "send", to: 2, packets: event("/", "whoami", [], { id: 2 }) }, { op: "settle", to: 2 }, ...say(1), { op: "settle", to: 2 });
  if (random.once(3)) steps.push({ op: "cut", to: 2 }, { op: "gone", to: 2 }, ...say(1), { op: "open", as: 3, way: way() }, { op: "recover", to: 3, from: random.of([2, 2, 0]) }, { op: "send", to: 3, packets: event("/", "whoami", [], { id: 4 }) }, { op: "settle", to: 3 });
  if (random.once(4)) steps.push({ op: "open", as: 4, way: way() }, { op: "recover", to: 4, from: 0 }, { op: "settle", to: 4 });
  return steps;
}

// ---------------------------------------------------------------- times

/** Ping every 300 ms, 400 for the answer; 300 for an upgrade, 500 to join. Nothing is asked for near an edge. */
function times(random) {
  const way = random.of(["polling", "websocket"]);
  const open = { op: "open", as: 0, way };
  const join = [{ op: "send", to: 0, packets: ["40"] }, { op: "settle", to: 0 }];
  const wait = (ms) => ({ op: "pause", ms });
  return random.of([
    () => [open, ...join, wait(450), { op: "settle", to: 0 }, wait(450), { op: "settle", to: 0 }, { op: "gone", to: 0 }],
    () => [open, ...join, wait(1100), { op: "settle", to: 0 }, { op: "gone", to: 0 }],
    () => [open, ...join, wait(500), { op: "send", to: 0, packets: ['42["echo",1]'] }, wait(350), { op: "settle", to: 0 }, { op: "gone", to: 0 }],
    () => [open, ...join, wait(500), { op: "send", to: 0, packets: ["3"] }, wait(150), { op: "settle", to: 0 }, { op: "gone", to: 0 }],
    () => [open, wait(900), { op: "settle", to: 0 }, { op: "gone", to: 0 }],
    () => [open, { op: "send", to: 0, packets: [random.of(["40/nowhere,", "40/echo,", "3"])] }, wait(600), { op: "settle", to: 0 }, { op: "gone", to: 0 }],
    () => [{ ...open, way: "polling" }, ...join, { op: "upgrade", to: 0, probe: random.of([["2probe"], []]) }, wait(500), { op: "probe", to: 0 }, { op: "settle", to: 0 }, { op: "gone", to: 0 }],
    () => [{ ...open, way: "polling" }, ...join, { op: "upgrade", to: 0, probe: ["2probe"], finish: ["5"] }, wait(450), { op: "settle", to: 0 }, wait(1100), { op: "settle", to: 0 }],
    () => [{ ...open, way: "polling" }, ...join, { op: "upgrade", to: 0, probe: ["2probe"], drop: true }, wait(100), { op: "upgrade", to: 0, probe: ["2probe"], finish: ["5"] }, { op: "settle", to: 0 }],
    () => [open, ...join, ...[1, 2, 3].flatMap(() => [wait(200), { op: "settle", to: 0 }]), { op: "gone", to: 0 }],
  ])();
}

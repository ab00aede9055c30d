// What clients say: JSON values, Socket.IO packets, and the same ones spoilt.
//
// Used by the programs. A packet is written as steps hold it: a string, { b: base64 } for binary, or
// { m: packet } for the msgpack parser.

const TEXTS = ["", "hello", "grüße", "漢字😀", "\\", '"', "\u0000", "\u001e", "\u2028", "\ufeff", "\ud800", "a".repeat(200), "__proto__", "null", "/", "-", ","];
const NUMBERS = ["0", "1", "-1", "1.5", "-0", "1e3", "1E+2", "12345678901234567890", "1e400", "0.1e-400", "123456789.123456789", "9007199254740993"];

/** The text of a JSON value. */
export function json(random, depth = 0) {
  const kind = random.below(depth > 3 ? 5 : 8);
  if (kind === 0) return random.of(NUMBERS);
  if (kind === 1) return random.of(["true", "false", "null"]);
  if (kind <= 4) return text(random);
  if (kind === 5) return `[${random.some(0, 3, () => json(random, depth + 1)).join(",")}]`;
  if (kind === 6) return `{${random.some(0, 3, () => `${text(random)}:${json(random, depth + 1)}`).join(",")}}`;
  return `[${space(random)}${json(random, depth + 1)}${space(random)}]`;
}

function text(random) {
  const value = random.of(TEXTS);
  if (random.once(6)) return `"${[...value].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")}"`;
  return JSON.stringify(value);
}

function space(random) {
  return random.of(["", "", " ", "\n\t"]);
}

/** A value with placeholders for attachments, which are put into `attachments`. */
function binaryJson(random, attachments) {
  const one = () => {
    attachments.push({ b: Buffer.from(random.some(0, 6, () => random.below(256))).toString("base64") });
    return `{"_placeholder":true,"num":${attachments.length - 1}}`;
  };
  return random.of([
    () => one(),
    () => `{"a":[${one()},${json(random, 2)}],"b":${one()}}`,
    () => `[[${one()}]]`,
    () => `${one()},${one()}`,
    () => `${json(random, 2)},{"deep":{"deeper":${one()}}}`,
  ])();
}

/** An event with these arguments' text, as packets. */
export function event(nsp, name, args, { id, attachments = [] } = {}) {
  const space = nsp === "/" ? "" : `${nsp},`;
  const list = `[${[JSON.stringify(name), ...args].join(",")}]`;
  const type = attachments.length ? `5${attachments.length}-` : "2";
  return [`4${type}${space}${id ?? ""}${list}`, ...attachments];
}

/** An echo, with or without binary, with or without an acknowledgement. */
export function echo(random, nsp) {
  const attachments = [];
  const args = random.some(0, 3, () => json(random));
  if (random.once(3)) args.push(binaryJson(random, attachments));
  return event(nsp, "echo", args, { id: random.once(2) ? random.below(100) : undefined, attachments });
}

/** Something that the demo app does, for a socket in the main namespace. */
export function deed(random, room) {
  const id = random.once(2) ? random.below(50) : undefined;
  const value = () => json(random, 2);
  return random.weighted([
    [3, () => event("/", "message", random.some(0, 2, value))],
    [2, () => event("/", "all", random.some(0, 2, value))],
    [2, () => event("/", "broadcast", random.some(0, 2, value))],
    [3, () => event("/", "room:join", [JSON.stringify(room)], { id })],
    [1, () => event("/", "room:leave", [JSON.stringify(room)], { id })],
    [2, () => event("/", "room:emit", [JSON.stringify(room), value()])],
    [1, () => event("/", "except", [JSON.stringify(room), value()])],
    [1, () => event("/", "volatile", [value()])],
    [2, () => event("/", "whoami", [], { id: id ?? 7 })],
    [1, () => event("/", "nobody listens", [value()], { id })],
    [1, () => event("/", "chat:join", [JSON.stringify(room), '"ann"'], { id: id ?? 8 })],
    [1, () => event("/", "chat:message", [JSON.stringify(room), '"text"'], { id: id ?? 9 })],
    [1, () => event("/", "chat:leave", [JSON.stringify(room)], { id: id ?? 10 })],
    [1, () => event("/", "room:emit", [JSON.stringify(room), ...[binary(random)].map(() => '{"_placeholder":true,"num":0}')], { attachments: [binary(random)] })],
  ])();
}

export function binary(random) {
  return { b: Buffer.from(random.some(0, 8, () => random.below(256))).toString("base64") };
}

// ---------------------------------------------------------------- spoilt

const ODD = [
  "4", "40", "41", "42", "43", "44", "45", "46", "47", "49", "4 ", "4a", "4-", "4\u0000",
  "40[]", "40null", '40"x"', "40{}", '40{"a":1}', "401{}", "40/", "40/,", "40/echo", "40/echo,{}", "40/echo?x=1,", "40/nowhere", "40//", "40/😀,", "40/a/b/c,",
  "40/admin,", '40/admin,{"token":"open sesame"}', '40/admin,{"token":"wrong"}', '40{"token":', "40 {}", "40/__proto__,", "40/constructor,", "40/ECHO,", "40/echo/,",
  "41{}", "41[]", "41/echo", "41/echo,", "41/nowhere,", "41/,", "411",
  "42[]", "42{}", "42null", '42"echo"', "42[null]", "42[{}]", "42[[]]", "42[true]", "42[7]", "42[7,1]", "42[1.5]", "42[-1,2]", "42[1e400]", '42[""]', '42["__proto__"]', '42["constructor",1]', '42["hasOwnProperty"]',
  '42["connect"]', '42["connect_error"]', '42["disconnect"]', '42["disconnecting"]', '42["newListener"]', '42["removeListener"]', '42["error"]', '42["connection"]', '42["\\u0063onnect"]', '42["echo"',
  '42["echo",]', '42["echo"]x', '42["echo"] ', ' 42["echo"]', '42 ["echo"]', '42[ "echo" , 1 ]', '42["echo",01]', '42["echo",NaN]', '42["echo",\'x\']', '42["echo","\t"]', '42["echo","\\x"]', '42["echo","\\ud800"]',
  '42["echo",1]42["echo",2]', '42/,["echo"]', '42/,1["echo",1]', '42/echo["echo"]', '42/echo,["echo",1]', '42/echo,3["echo",1]', '42/nowhere,["echo"]', "42,", '42,["echo"]',
  '421["echo",1]', '4201["echo",1]', '42 1["echo",1]', '421 ["echo",1]', '42-1["echo"]', '421.5["echo"]', '421e3["echo"]', '429007199254740991["echo"]', '429007199254740992["echo"]', '4299999999999999999999["echo"]', '42000000000000000000000001["echo"]',
  "43", "430", "43[]", "430[]", "430{}", "43/echo,0[]", "43x", '43"x"', "4399999[1]", "44", "44{}", '44"x"', '44{"message":"no"}', "44/echo,{}",
  "45-[]", "450-[]", '450-["echo"]', '451["echo"]', '45["echo"]', '451-', "451-[]", '45-1-["echo"]', '4511-["echo"]', '4510-["echo"]', '451.0-["echo"]', '451e0-["echo"]', '45 1-["echo"]', '450x1-["echo"]', '45+1-["echo"]', '4501-["echo"]', '451-/echo["echo"]', '451-/nowhere,["echo"]',
  '451-["echo",{"_placeholder":true,"num":0}]', '451-["echo",{"_placeholder":true,"num":1}]', '451-["echo",{"_placeholder":true,"num":-1}]', '451-["echo",{"_placeholder":true}]', '451-["echo",{"_placeholder":true,"num":"0"}]', '451-["echo",{"_placeholder":true,"num":0.5}]',
  '451-["echo",{"_placeholder":1,"num":0}]', '451-["echo",{"_placeholder":false,"num":0}]', '451-["echo",{"num":0,"_placeholder":true}]', '451-["echo",{"_placeholder":true,"num":0,"more":[1]}]', '451-["echo",{"_placeholder":true,"num":0,"num":1}]', '451-["echo"]', '451-{"_placeholder":true,"num":0}', '451-[{"_placeholder":true,"num":0}]',
  '452-["echo",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]', '452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]', '42["echo",{"_placeholder":true,"num":0}]', '451-5["echo",{"_placeholder":true,"num":0}]', '451-["connect",{"_placeholder":true,"num":0}]', '451-["echo",{"\\u005fplaceholder":true,"num":0}]', '451-["echo",{"_placeholder":true,"num":0e0}]', '451-["echo",{"_placeholder":true,"num":-0}]',
  '461-0[{"_placeholder":true,"num":0}]', "460-0[]", "461-[]",
];

/** Packets that may be wrong, of the Socket.IO layer. */
export function odd(random, nsp = "/") {
  const first = random.once(3) ? mutated(random, echo(random, nsp)[0]) : random.of(ODD);
  const attachments = /^4[56]/.test(first) ? random.some(0, random.of([1, 1, 2, 3]), () => binary(random)) : random.once(12) ? [binary(random)] : [];
  const packets = [first, ...attachments];
  if (random.once(8)) packets.push(random.of(ODD));
  return packets;
}

const CHARS = ["0", "1", "9", "-", ",", "[", "]", "{", "}", '"', "/", ":", "?", " ", "\\", "\u0000", "\u001e", "é", "😀", "null", "e", "."];

/** A text with one or two small changes. */
export function mutated(random, text) {
  let now = text;
  for (let times = 1 + random.below(2); times > 0; times -= 1) {
    const at = random.below(Math.min(now.length, 24) + 1);
    now = random.of([
      () => now.slice(0, at) + now.slice(at + 1),
      () => now.slice(0, at) + random.of(CHARS) + now.slice(at),
      () => now.slice(0, at) + random.of(CHARS) + now.slice(at + 1),
      () => now.slice(0, at),
      () => now.slice(0, at) + now.slice(at, at + 3) + now.slice(at),
    ])();
  }
  return now;
}

/** Engine.IO packets that may be wrong. */
export const ODD_ENGINE = ["", "0", "1", "2", "3", "5", "6", "7", "8", "9", "a", "b", "b!!", "bAQI", "2probe", "3probe", "5probe", "6x", "0{}", "1x", "4", "10", " ", "\u0000", "😀", "-1", "x".repeat(50)];

/** JSON that nests so deep. */
export function deep(depth, closed = true) {
  return `42["echo",${"[".repeat(depth)}${closed ? `1${"]".repeat(depth)}` : ""}]`;
}

// Differences from the reference that are known and meant: when they are recognised, and why.
//
// Read by run.mjs. `matches` gets { config, steps, step, op, before, reference, holdfast }: the number and text of
// the step, those before it, and both observations. After a difference with `then: "stop"` the rest of the program is
// not compared, because the servers are no longer in the same state. One that is `open` is not decided yet: it is
// counted and named in every run.

export const ACCEPTED = [
  {
    id: "no slash after the path",
    reason: "`/socket.io?…` is served as `/socket.io/?…` is; the reference answers 404 unless addTrailingSlash is off",
    matches: ({ op, reference }) => reference.status === 404 && /^\/socket\.io(\?|$)/.test(op?.target),
    then: "stop",
  },
  {
    id: "a body that is not read closes the connection",
    reason: "an answer given before the body has come says so and closes; Node reads the rest and throws it away",
    matches: ({ reference, holdfast }) => /"connection":"close"/.test(JSON.stringify(holdfast)) && withoutClose(holdfast) === withoutClose(reference),
    then: "go on",
  },
  {
    id: "a body cut off is answered",
    reason: "of two posts at once the reference cuts the connection of the first; Holdfast answers it with 400 before it closes",
    matches: ({ op, reference, holdfast }) => op?.op === "finish" && reference.error === "no answer" && holdfast.status === 400,
    then: "go on",
  },
  {
    id: "acknowledgement numbers that JavaScript cannot count to",
    reason: "above 2^53 − 1 (ACK_MAX) they end the session; the reference answers with another number than was asked with",
    matches: ({ before, reference, holdfast }) =>
      before.some(({ packets = [] }) => packets.some((packet) => /^4[2356][^[{]*\d{16}/.test(packet))) && !ended(reference) && ended(holdfast),
    then: "stop",
  },
  {
    id: "a member named __proto__ beside binary",
    reason: "the reference loses it when it takes attachments apart",
    matches: ({ reference, holdfast }) =>
      reference.said?.some((text, at) => typeof text === "string" && text !== holdfast.said?.[at] && text.includes("<binary>") && holdfast.said?.[at]?.includes('"__proto__"')),
    then: "go on",
  },
  {
    id: "names that come twice in a query",
    reason: "the demo app shows all values, joined; the reference's handshake.query keeps the last one",
    matches: ({ before, reference, holdfast }) =>
      before.some(({ query }) => query?.includes("&x=1&x=2")) && reference.said?.some((text, at) => /^ACK .*"address":/.test(text) && text !== holdfast.said?.[at]),
    then: "go on",
  },
  {
    id: "events in the same read as a violation",
    reason: "what came just before a packet that ends the session may be answered or not: the reference hands it to the app a tick later, Holdfast at the end of a turn",
    matches: ({ reference, holdfast }) => {
      const [one, other] = [reference.said, holdfast.said];
      if (!one || !other || !ended(reference) || !ended(holdfast)) return false;
      const extra = (list, from) => list.filter((text) => !from.some((found) => same(text, found)));
      const differing = [...extra(one, other), ...extra(other, one)];
      return differing.length > 0 && differing.every((text) => /^(EVENT|ACK|CONNECT) /.test(text));
    },
    then: "stop",
  },
  {
    id: "an upgrade of a session that has a WebSocket from the start",
    reason: "the reference waits for a probe until upgradeTimeout, and would let the new WebSocket take over; Holdfast closes it",
    matches: ({ op, reference, holdfast }) => op?.op === "ws" && /sid=/.test(op.target) && reference.status === 101 && !reference.first && holdfast.first?.close === 1005,
    then: "go on",
  },
  {
    id: "volatile right behind another packet",
    reason: "the reference drops it while its WebSocket is between two ticks, Holdfast while something waits; and where clients may come back, Holdfast puts an offset behind a string that a client would take for one",
    matches: ({ reference, holdfast }) => same(withoutVolatile(reference), withoutVolatile(holdfast)),
    then: "go on",
  },
  {
    id: "an upgrade with another revision",
    reason: "the reference accepts the upgrade, then writes an HTTP answer into the open WebSocket; Holdfast closes it",
    matches: ({ reference, holdfast }) => reference.first?.close === 0x5450 && holdfast.first?.close === 1005,
    then: "go on",
  },
  {
    id: "numbers of attachments in other notations",
    reason: "how many there are, and which one is meant, is told in decimal digits; the reference takes whatever JavaScript makes a number of, such as 1e0",
    matches: ({ before, reference, holdfast }) =>
      before.some(({ packets = [] }) => packets.some((packet) => /"num":(-0|\d+e|\d*\.)/.test(packet) || /^4[56]([^-/,[]*[^-\d/,[][^-/,[]*)-/.test(packet))) && !ended(reference) && ended(holdfast),
    then: "stop",
  },
  {
    id: "the answer to a join among answers to events",
    reason: "on a WebSocket, what is sent without waiting is answered in the order in which it is decided; the reference refuses at once, and answers events a tick later",
    matches: ({ reference, holdfast }) => {
      const sorted = ({ said }) => JSON.stringify([...said].map((text) => String(text).replace('{"message":"Invalid namespace"}', '"Invalid namespace"')).sort());
      return reference.said && holdfast.said && same(reference.end, holdfast.end) && /CONNECT/.test(reference.said) && sorted(reference) === sorted(holdfast) && orderOf(reference) === orderOf(holdfast);
    },
    then: "go on",
  },
  {
    id: "msgpack: reserved events",
    reason: "they end the session, as with the default parser; the reference's msgpack parser lets a client call the app's own listeners for disconnect",
    matches: ({ before, holdfast }) => before.some(({ packets = [] }) => packets.some(({ m }) => /^(connect|connect_error|disconnect|disconnecting|newListener|removeListener)$/.test(m?.data?.[0]))) && ended(holdfast),
    then: "stop",
  },
  {
    id: "msgpack: acknowledgement numbers below zero",
    reason: "they end the session; the reference takes any whole number, which no client sends",
    matches: ({ before, reference, holdfast }) => before.some(({ packets = [] }) => packets.some(({ m }) => m?.id < 0)) && !ended(reference) && ended(holdfast),
    then: "stop",
  },
  {
    id: "nesting deeper than 512",
    reason: "it ends the session (JSON_DEPTH_MAX); the reference nests until its stack overflows",
    matches: ({ before, reference, holdfast }) =>
      before.some(({ packets = [] }) => packets.some((packet) => /\[{513}/.test(packet) || (packet.b && Buffer.from(packet.b, "base64").filter((byte) => byte === 0x91).length > 512))) && !ended(reference) && ended(holdfast),
    then: "stop",
  },
  {
    id: "a space for a number",
    reason: "the reference reads a space as a nought, as a packet's type (CONNECT) or an acknowledgement's number; to Holdfast it is the space before JSON, or an error",
    matches: ({ before }) => before.some(({ packets = [] }) => packets.some((packet) => /^4( |[2356][^[{"]* )/.test(packet))),
    then: "stop",
  },
  {
    id: "a session that ends during an upgrade",
    reason: "its pending poll has been freed already (see the next one), so it waits for another; in the reference it is over",
    matches: ({ op, before, reference, holdfast }) => {
      const isOne = (step) => step?.op === "upgrade" && step.hang && /^(2probe|5)/.test((step.probe ?? ["2probe"])[0]);
      if (isOne(op)) return same(withoutEnds(reference), withoutEnds(holdfast));
      return before.some(isOne) && ended(reference) && ended(holdfast);
    },
    then: "stop",
  },
  {
    id: "a poll pending while an upgrade is confirmed",
    reason: "Holdfast frees it at once with a NOOP; the reference after 100 ms, by sending on it what comes meanwhile, or with CLOSE if the upgrade is confirmed earlier",
    matches: ({ op, reference, holdfast }) =>
      ["upgrade", "take"].includes(op?.op) && (holdfast.polled ?? holdfast).noop === true && (reference.polled ?? reference).noop !== true,
    then: "stop",
  },
  {
    id: "recovery with an offset that is not known",
    reason: "Holdfast recovers by what it has sent, so a client that was sent nothing for long comes back too; the reference opens a new session",
    matches: ({ op, reference, holdfast }) =>
      op?.op === "recover" && /CONNECT \/ .*<pid 0|CONNECT \/ .*<pid 2/.test(holdfast.said) && reference.said?.length <= holdfast.said?.length && !same(reference.said?.at(-1), holdfast.said?.at(-1)),
    then: "stop",
  },
  {
    id: "recovery twice",
    reason: "a socket comes back once; the reference lets another connection have it too, under the same id",
    matches: ({ op, before, reference, holdfast }) =>
      op?.op === "recover" && before.some((step) => step.op === "recover") && /CONNECT \/ .*<pid [02]/.test(reference.said) && new RegExp(`<pid ${op.to}`).test(holdfast.said),
    then: "stop",
  },
  {
    id: "offers of permessage-deflate that cannot be taken up",
    reason: "the connection goes on without compression, or with the next offer, as RFC 7692 has it; the reference refuses the whole handshake",
    matches: ({ reference, holdfast }) => reference.status === 400 && /Sec-WebSocket-Extensions/.test(reference.body) && holdfast.status === 101,
    then: "stop",
  },
  {
    id: "permessage-deflate with a window of 8 bits",
    reason: "it is not taken up, since zlib has no such window; the reference takes it up and uses another",
    matches: ({ reference, holdfast }) => /max_window_bits=8/.test(reference.headers?.["sec-websocket-extensions"]) && !holdfast.headers?.["sec-websocket-extensions"],
    then: "stop",
  },
  {
    id: "packets of Engine.IO are not compressed",
    reason: "OPEN and the like are sent as they are; the reference compresses OPEN if the threshold is set below its length",
    matches: ({ reference, holdfast }) => /\(compressed\) 0\{/.test(reference.said) && same(reference, { ...holdfast, said: holdfast.said?.map((text) => (String(text).startsWith("0{") ? `(compressed) ${text}` : text)) }),
    then: "go on",
  },
  {
    id: "requests for a WebSocket's session",
    reason: "those that name transport=websocket are refused; the reference never answers them",
    matches: ({ op, reference, holdfast }) => op?.op === "http" && /transport=websocket/.test(op.target) && reference.error === "silent" && /"code":3/.test(holdfast.body),
    then: "go on",
  },
  {
    id: "revision 3: a length in other notations",
    reason: "lengths are decimal digits; the reference takes whatever JavaScript makes a number of, such as 1 with a space behind it",
    matches: ({ before, holdfast }) => before.some(({ body }) => typeof body === "string" && /\d \s*:/.test(body)) && ended(holdfast),
    then: "stop",
  },
  {
    id: "revision 3: a binary payload that is shorter than it says",
    reason: "it ends the session, as any other payload that cannot be read; the reference takes what is there",
    matches: ({ before, holdfast }) =>
      before.at(-1)?.headers?.some(([, value]) => value === "application/octet-stream") && before.at(-1).target?.includes("EIO=3") && ended(holdfast),
    then: "stop",
  },
  {
    id: "events behind a disconnect by the app",
    reason: "what comes in one read is one batch: the app has heard all of it before its orders are carried out; the reference drops what is behind the disconnect",
    matches: ({ before, reference, holdfast }) => before.some(({ packets = [] }) => packets.some((packet) => /disconnect-me/.test(packet))) && /DISCONNECT/.test(reference.said) && /DISCONNECT/.test(holdfast.said),
    then: "stop",
  },
  {
    id: "a binary acknowledgement without attachments",
    reason: "it is taken for an acknowledgement that nobody waits for; the reference keeps waiting for attachments that do not come, and ends the session over the next text",
    matches: ({ before, reference, holdfast }) => before.some(({ packets = [] }) => packets.some((packet) => /^460+-/.test(packet))) && ended(reference) && !ended(holdfast),
    then: "stop",
  },
  {
    id: "a refusal in the same read as a violation",
    reason: "the app decides about namespaces that nobody declared, after the whole read; by then the session has ended; the reference decides at once",
    matches: ({ reference, holdfast }) => {
      const [more, fewer] = [reference.said, holdfast.said];
      return fewer?.length < more?.length && ended(reference) && ended(holdfast) && same(more.filter((text) => !/^CONNECT_ERROR .*"Invalid namespace"/.test(text)), fewer);
    },
    then: "stop",
  },
];

/** Events and acknowledgements, in order. */
function orderOf({ said }) {
  return JSON.stringify(said.filter((text) => /^(EVENT|ACK) /.test(text)));
}

function withoutClose(seen) {
  return JSON.stringify(seen).replace(/"connection":"close",?/g, "").replaceAll(",}", "}");
}

/** An upgrade as it is seen, apart from when its WebSocket and its session ended. */
function withoutEnds({ said = [], status }) {
  return { status, said: said.filter((text) => typeof text === "string") };
}

function withoutVolatile(seen) {
  return { ...seen, said: seen.said?.filter((text) => !String(text).startsWith('EVENT / ["volatile"')) };
}

function ended({ end, said = [] }) {
  return end !== undefined || said.includes("1");
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

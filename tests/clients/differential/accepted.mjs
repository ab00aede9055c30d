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
    matches: ({ reference, holdfast }) =>
      holdfast.headers?.connection === "close" && same({ ...holdfast, headers: { ...holdfast.headers, connection: undefined } }, reference),
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
      return differing.length > 0 && differing.every((text) => /^(EVENT|ACK) /.test(text));
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
    reason: "the reference drops it while its WebSocket is between two ticks; Holdfast while something waits",
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
    id: "a refusal in the same read as a violation",
    reason: "CONNECT_ERROR for an unknown namespace is lost if the next packet ends the session; the reference sends it first",
    open: true,
    matches: ({ reference, holdfast }) => {
      const [more, fewer] = [reference.said, holdfast.said];
      return fewer?.length < more?.length && ended(reference) && ended(holdfast) && same(more.filter((text) => !/^CONNECT_ERROR .*"Invalid namespace"/.test(text)), fewer);
    },
    then: "stop",
  },
  {
    id: "a poll pending while an upgrade is confirmed",
    reason: "Holdfast frees it at once with a NOOP; the reference after 100 ms, by sending on it what comes meanwhile, or with CLOSE if the upgrade is confirmed earlier",
    matches: ({ op, reference, holdfast }) =>
      ["upgrade", "take"].includes(op?.op) && (holdfast.polled ?? holdfast).noop === true && (reference.polled ?? reference).noop === false,
    then: "stop",
  },
];

function withoutVolatile(seen) {
  return { ...seen, said: seen.said?.filter((text) => !String(text).startsWith('EVENT / ["volatile"')) };
}

function ended({ end, said = [] }) {
  return end !== undefined || said.includes("1");
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

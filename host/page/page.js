// The built-in page: a Socket.IO client that shows its own connection, and chats by the demo app.
//
// Loaded by index.html. It asks the node what it runs (`/holdfast.json`), loads the official client from
// the mount path, and then only reacts to events. Whatever comes from others is shown by textContent,
// never as HTML. Query: `?transport=polling` or `?transport=websocket` allows only that one.

const ROOMS = ["harbour", "deck", "lighthouse"];
const NAMES = ["Anemone", "Barnacle", "Cormorant", "Dulse", "Eider", "Fulmar", "Gannet", "Kelp", "Limpet", "Petrel"];
const SAMPLE_INTERVAL_MS = 500;
const SAMPLES_MAX = 120;
const TIMELINE_MAX = 60;
const MESSAGES_MAX = 200;
const ACK_TIMEOUT_MS = 5000;
const NODE_INTERVAL_MS = 5000;

const page = (id) => document.getElementById(id);
const allowed = new URLSearchParams(location.search).get("transport");
const started = performance.now();

let socket = null;
let node = null;

// ---------------------------------------------------------------- the connection

function connect() {
  const transports = allowed ? [allowed] : ["polling", "websocket"];
  note(`connecting by ${transports[0]}`);
  socket = window.io({ path: mount(), transports });
  const manager = socket.io;

  manager.on("open", () => {
    const engine = manager.engine;
    showTransport();
    note(`session opened by ${engine.transport.name}`);
    engine.on("upgrading", (transport) => note(`trying ${transport.name}`));
    engine.on("upgrade", (transport) => {
      showTransport();
      note(`upgraded to ${transport.name}`);
    });
    engine.on("upgradeError", (error) => note(`stays with ${engine.transport.name}: ${error.message}`));
  });
  manager.on("reconnect_attempt", (attempt) => note(`reconnecting, attempt ${attempt}`));

  socket.on("connect", () => {
    showStatus("connected");
    page("sid").textContent = socket.id;
    note(socket.recovered ? `socket ${socket.id} recovered` : `socket ${socket.id} connected`);
    for (const room of rooms.values()) if (room.joined) join(room.name);
    if (!current) open(ROOMS[0]);
  });
  socket.on("connect_error", (error) => {
    showStatus(socket.active ? "connecting" : "disconnected");
    note(`could not connect: ${error.message}`);
  });
  socket.on("disconnect", (reason) => {
    showStatus(socket.active ? "connecting" : "disconnected");
    page("transport").textContent = "–";
    page("sid").textContent = "–";
    note(`disconnected: ${reason}`);
  });
  socket.on("chat:message", received);
  socket.on("chat:members", ({ room, members }) => showMembers(room, members));

  page("toggle").onclick = () => (socket.active ? socket.disconnect() : reconnect());
  page("drop").onclick = () => manager.engine?.close();
}

function reconnect() {
  showStatus("connecting");
  note("connecting again");
  socket.connect();
}

function showStatus(state) {
  page("status").textContent = state;
  page("status").dataset.state = state;
  const connected = state === "connected";
  for (const id of ["message", "send", "leave"]) page(id).disabled = !connected || !rooms.get(current)?.joined;
  page("drop").disabled = !connected;
  page("toggle").disabled = false;
  page("toggle").textContent = state === "disconnected" ? "Connect" : "Disconnect";
}

function showTransport() {
  page("transport").textContent = socket.io.engine.transport.name;
}

/** Adds a line to the timeline, newest first, with the time since the page was opened. */
function note(text) {
  const seconds = ((performance.now() - started) / 1000).toFixed(3);
  const line = element("li", {}, element("time", { textContent: `${seconds} s` }), element("span", { textContent: text }));
  page("timeline").prepend(line);
  while (page("timeline").children.length > TIMELINE_MAX) page("timeline").lastChild.remove();
}

// ---------------------------------------------------------------- rooms

/** name -> { name, joined, unread, members, messages }. Stays over a reconnect, when rooms are joined anew. */
const rooms = new Map();
let current = null;

function roomOf(name) {
  if (!rooms.has(name)) rooms.set(name, { name, joined: false, unread: 0, members: [], messages: [] });
  return rooms.get(name);
}

function open(name) {
  current = name;
  const room = roomOf(name);
  room.unread = 0;
  showRoom();
  if (!room.joined) join(name);
}

function join(name) {
  socket.timeout(ACK_TIMEOUT_MS).emit("chat:join", name, page("nick").value, (error, answer) => {
    const problem = error?.message ?? (answer.ok ? null : answer.error);
    showError(problem && `could not join ${name}: ${problem}`);
    if (problem) return;
    const room = roomOf(name);
    Object.assign(room, { joined: true, members: answer.members, messages: answer.history.slice(-MESSAGES_MAX) });
    note(`joined ${name}`);
    showRoom();
  });
}

function leave(name) {
  socket.emit("chat:leave", name);
  Object.assign(roomOf(name), { joined: false, members: [], messages: [] });
  note(`left ${name}`);
  current = [...rooms.values()].find((room) => room.joined)?.name ?? name;
  showRoom();
}

function received(message) {
  const room = roomOf(message.room);
  room.messages.push(message);
  if (room.messages.length > MESSAGES_MAX) room.messages.shift();
  if (message.room === current) return showMessages();
  room.unread += 1;
  showRooms();
}

function showMembers(name, members) {
  roomOf(name).members = members;
  if (name === current) showRoom();
}

function showRoom() {
  const room = roomOf(current);
  page("room").textContent = room.name;
  page("member-count").textContent = room.members.length;
  page("members").textContent = room.members.join(", ") || "nobody";
  showRooms();
  showMessages();
  if (socket) showStatus(page("status").dataset.state);
}

function showRooms() {
  page("rooms").replaceChildren(
    ...[...rooms.values()].map((room) => {
      const button = element("button", { type: "button", onclick: () => open(room.name) });
      button.append(element("span", { textContent: room.name }));
      if (room.unread) button.append(element("b", { textContent: room.unread, title: "unread" }));
      button.dataset.room = room.name;
      button.dataset.joined = room.joined;
      button.setAttribute("aria-current", room.name === current);
      return element("li", {}, button);
    }),
  );
}

function showMessages() {
  const list = page("messages");
  list.replaceChildren(
    ...roomOf(current).messages.map(({ nick, text, at }) => {
      const who = element("span", { className: "who", textContent: `${nick}, ${new Date(at).toLocaleTimeString()}` });
      const what = element("span", { className: "text", textContent: text });
      return element("li", { className: nick === page("nick").value ? "mine" : "" }, who, what);
    }),
  );
  list.scrollTop = list.scrollHeight;
}

function showError(text) {
  page("chat-error").textContent = text ?? "";
  page("chat-error").hidden = !text;
}

function say(text) {
  socket.timeout(ACK_TIMEOUT_MS).emit("chat:message", current, text, (error, answer) => {
    const problem = error?.message ?? (answer.ok ? null : answer.error);
    showError(problem && `not sent: ${problem}`);
    if (!problem && page("message").value === text) page("message").value = "";
  });
}

// ---------------------------------------------------------------- the round trip

const samples = [];

function sample() {
  if (!socket?.connected || document.hidden) return;
  const sent = performance.now();
  socket.timeout(ACK_TIMEOUT_MS).emit("time", (error) => {
    if (error) return;
    samples.push(performance.now() - sent);
    if (samples.length > SAMPLES_MAX) samples.shift();
    page("rtt-count").textContent = Number(page("rtt-count").textContent) + 1;
    plot();
  });
}

function plot() {
  const sorted = [...samples].sort((a, b) => a - b);
  const quantile = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  page("rtt-last").textContent = samples.at(-1).toFixed(1);
  page("rtt-p50").textContent = quantile(0.5).toFixed(1);
  page("rtt-p95").textContent = quantile(0.95).toFixed(1);

  const top = niceTop(sorted.at(-1));
  page("rtt-top").textContent = top;
  const x = (index) => 400 - (samples.length - 1 - index) * (400 / (SAMPLES_MAX - 1));
  const y = (ms) => 118 - (ms / top) * 114;
  const line = samples.map((ms, index) => `${x(index).toFixed(1)} ${y(ms).toFixed(1)}`).join("L");
  page("rtt-line").setAttribute("d", `M${line}`);
  page("rtt-area").setAttribute("d", `M${x(0).toFixed(1)} 120L${line}L400 120Z`);
}

/** The next of 1, 2, 5, 10, 20, … above the value. */
function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= value);
}

// ---------------------------------------------------------------- the node

async function askNode() {
  const response = await fetch("/holdfast.json", { cache: "no-store" }).catch(() => null);
  if (!response?.ok) {
    page("node").textContent = "the node does not say";
    return;
  }
  const before = node;
  node = await response.json();
  page("version").textContent = `Version ${node.version}.`;
  page("client").textContent = node.client ?? "not packed";
  page("node").textContent = `${node.shards} ${node.shards === 1 ? "shard" : "shards"}, up ${duration(node.uptime_ms)}`;
  page("guests").replaceChildren(
    ...node.guests.map(({ role, name, version, digest, bytes }) =>
      element(
        "li",
        {},
        element("strong", { textContent: `${name} ${version}` }),
        element("span", { textContent: ` ${role} guest, ${Math.round(bytes / 1024)} KiB of wasm` }),
        element("code", { textContent: digest.slice(0, 23), title: digest }),
      ),
    ),
  );
  for (const guest of node.guests) {
    const old = before?.guests.find(({ role, name }) => role === guest.role && name === guest.name);
    if (old && old.digest !== guest.digest) note(`${guest.role} guest swapped: ${guest.name} ${guest.version}`);
  }
}

function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  return hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

function mount() {
  return node?.mount_path ?? "/socket.io";
}

// ---------------------------------------------------------------- start

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function loadClient() {
  return new Promise((resolve) => {
    const script = element("script", { src: `${mount()}/socket.io.min.js`, onload: () => resolve(true), onerror: () => resolve(false) });
    document.head.append(script);
  });
}

function showMissingClient() {
  showStatus("disconnected");
  page("toggle").disabled = true;
  page("notice").textContent =
    "The browser client is not part of this build, so this page cannot connect. " +
    "Run `make setup` and build again; other clients can connect all the same.";
  page("notice").hidden = false;
}

page("nick").value = sessionStorage.getItem("nick") ?? `${NAMES[Math.floor(Math.random() * NAMES.length)]} ${Math.floor(Math.random() * 90 + 10)}`;
const keepNick = () => sessionStorage.setItem("nick", page("nick").value);
keepNick();
page("nick").onchange = () => {
  keepNick();
  for (const room of rooms.values()) if (room.joined) join(room.name);
};
page("room-form").onsubmit = (event) => {
  event.preventDefault();
  const name = page("room-name").value.trim();
  page("room-name").value = "";
  if (name && socket) open(name);
};
page("message-form").onsubmit = (event) => {
  event.preventDefault();
  const text = page("message").value.trim();
  if (text) say(text);
};
page("leave").onclick = () => leave(current);
ROOMS.forEach(roomOf);
showRooms();

await askNode();
if (await loadClient()) {
  connect();
  setInterval(sample, SAMPLE_INTERVAL_MS);
} else {
  showMissingClient();
}
setInterval(askNode, NODE_INTERVAL_MS);

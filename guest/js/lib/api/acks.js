// Messages that await acknowledgements: of one socket, or of all receivers of a broadcast. What fits which answer is
// decided by numbers that the engine gives out. Never sends anything.

import { ACKS_MAX, ACKS_PER_SOCKET_MAX } from "./limits.js";
import { N, enter, error, rt, startTimer, stopTimer } from "./state.js";

// Who awaits: `done` is called with an error (null if none) and the arguments.
class One {
  constructor(socket, done, withError) {
    this.socket = socket;
    this.done = done;
    this.withError = withError;
    this.timer = undefined;
  }
}

const LATE = "operation has timed out";

function tooMany(socket) {
  if (rt.acks.size >= ACKS_MAX) return `${ACKS_MAX} messages await acknowledgements, which is the limit`;
  if (socket !== null && socket._acks !== null && socket._acks.size >= ACKS_PER_SOCKET_MAX) {
    return `${ACKS_PER_SOCKET_MAX} messages to socket ${socket.id} await acknowledgements, which is the limit`;
  }
  return undefined;
}

// A number under which a socket is to acknowledge; undefined if the message is not to be sent.
export function awaitOne(socket, done, timeout) {
  const withError = timeout !== undefined;
  const gone = socket._state > 1;
  if (gone && !withError) return undefined; // As in the reference: it is never called.
  const reason = gone ? undefined : tooMany(socket);
  if (reason !== undefined) {
    const failure = new Error(reason);
    if (done._reject !== undefined) done._reject(failure);
    else if (withError) Promise.resolve().then(() => done.call(socket, failure));
    else error(`emit: ${reason}: nothing is sent`);
    return undefined;
  }
  const number = gone ? undefined : N.number();
  const entry = new One(socket, done, withError);
  if (withError) {
    entry.timer = startTimer(() => {
      if (number !== undefined) forget(number, entry);
      enter("ack", null, socket);
      done.call(socket, new Error(LATE));
    }, timeout);
  }
  if (gone) return undefined;
  (socket._acks ??= new Set()).add(number);
  rt.acks.set(number, entry);
  return number;
}

function forget(number, entry) {
  rt.acks.delete(number);
  entry.socket._acks?.delete(number);
}

// A socket is gone: nobody answers any more. Those with a time wait for it, as in the reference.
export function forgetAcks(socket) {
  if (socket._acks === null) return;
  for (const number of socket._acks) rt.acks.delete(number);
  socket._acks = null;
}

// Awaits the receivers of a broadcast. `done` is called as the reference does.
export class All {
  constructor(operator, done, timeout, single) {
    this.socket = null;
    this.operator = operator;
    this.done = done;
    this.single = single;
    this.responses = [];
    this.answered = new Set();
    this.uncounted = rt.shards;
    this.expected = 0;
    this.number = N.number();
    this.timer = startTimer(() => {
      rt.acks.delete(this.number);
      done.call(operator, new Error(LATE), single ? null : this.responses);
    }, timeout);
    rt.acks.set(this.number, this);
  }

  answer(h, args) {
    // Undefined: a socket that another instance serves.
    if (this.answered.has(h)) return;
    if (h !== undefined) this.answered.add(h);
    this.responses.push(args[0]);
    this.check();
  }

  check() {
    if (this.uncounted > 0 || this.responses.length < this.expected) return;
    rt.acks.delete(this.number);
    stopTimer(this.timer);
    this.done.call(this.operator, null, this.single ? this.responses[0] : this.responses);
  }
}

// The number of a broadcast that awaits acknowledgements; undefined if it is not to be sent.
export function awaitAll(operator, done, timeout, single) {
  const reason = tooMany(null);
  if (reason === undefined) return new All(operator, done, timeout, single).number;
  Promise.resolve().then(() => done.call(operator, new Error(reason), single ? null : []));
  return undefined;
}

export function acked(h, number, args) {
  const entry = rt.acks.get(number);
  if (entry === undefined) return;
  if (entry.socket === null) {
    enter("broadcast acknowledgement", null, null);
    return entry.answer(h, args);
  }
  if (entry.socket._h !== h) return;
  forget(number, entry);
  enter("ack", null, entry.socket);
  if (!entry.withError) return entry.done.apply(entry.socket, args);
  stopTimer(entry.timer);
  entry.done.call(entry.socket, null, ...args);
}

export function counted(number, receivers) {
  const entry = rt.acks.get(number);
  if (entry === undefined || entry.socket !== null) return;
  enter("broadcast acknowledgement", null, null);
  entry.uncounted--;
  entry.expected += receivers;
  entry.check();
}

// Who may open a session (`allowRequest`, and the headers of the answer), what foreign pages may do (`cors` as a
// function), and who was refused (`connection_error`). Called by the hooks of boot.js.

import { handshakeOf, requestOf } from "./client.js";
import { fire } from "./emitter.js";
import { corsJson } from "./options.js";
import { N, enter, rt } from "./state.js";

function textOf(refusal) {
  if (refusal === undefined || refusal === null) return "";
  return String(refusal.message ?? refusal);
}

// Calls a function with a request and a callback. When it throws, or its promise rejects, before it has called back,
// `failed` runs and the error goes on to the log.
function ask(fn, argument, answer, failed) {
  let isCalled = false;
  const once = (act) => (first, second) => {
    if (isCalled) return;
    isCalled = true;
    act(first, second);
  };
  const fail = once(failed);
  let promise;
  try {
    promise = fn(argument, once(answer));
  } catch (reason) {
    fail();
    throw reason;
  }
  if (!isCalled && typeof promise?.then === "function") {
    promise.then(undefined, (reason) => {
      fail();
      throw reason;
    });
  }
}

// ---------------------------------------------------------------------- allowRequest, headers

export function judging(token, handshake) {
  const request = requestOf(handshakeOf(handshake));
  const allow = () => {
    enter("headers listener", null, null);
    const { engine } = rt.server;
    const initial = {};
    const always = {};
    fire(engine, "initial_headers", [initial, request]);
    fire(engine, "headers", [always, request]);
    N.judge(token, undefined, pairs(initial), pairs(always));
  };
  if (rt.judge === null) return allow();
  enter("allowRequest", null, null);
  ask(
    rt.judge,
    request,
    (refusal, isAllowed) => {
      if (isAllowed) allow();
      else N.judge(token, textOf(refusal), [], []);
    },
    () => N.judge(token, "", [], []),
  );
}

function pairs(headers) {
  const made = [];
  for (const [name, value] of Object.entries(headers)) {
    for (const one of [value].flat()) made.push([name.toLowerCase(), String(one)]);
  }
  return made;
}

// ---------------------------------------------------------------------- cors

export function sharing(token, handshake) {
  const request = requestOf(handshakeOf(handshake));
  const { origin } = request.headers;
  const share = (options) => N.share(token, corsJson(options, origin), undefined);
  const refuse = (reason) => N.share(token, undefined, textOf(reason) || "cors failed");
  enter("cors", null, null);
  const cors = rt.sharing;
  if (cors === null) return N.share(token, "false", undefined);
  const withOrigin = (options) => {
    if (typeof options?.origin !== "function") return share(options);
    ask(
      options.origin,
      origin,
      (failure, allowed) => {
        if (failure) refuse(failure);
        else share(allowed ? { ...options, origin: allowed } : false);
      },
      refuse,
    );
  };
  if (typeof cors !== "function") return withOrigin(cors);
  ask(cors, request, (failure, options) => (failure ? refuse(failure) : withOrigin(options)), refuse);
}

// ---------------------------------------------------------------------- connection_error

export function denied(handshake, code, message, context) {
  enter("connection_error listener", null, null);
  const req = handshake === undefined ? undefined : requestOf(handshakeOf(handshake));
  fire(rt.server.engine, "connection_error", [{ req, code, message, context }]);
}

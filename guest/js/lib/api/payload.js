// Arguments to JSON text and binary values, and back. `encode` is one `JSON.stringify`: while it runs, and only then,
// binary values have a `toJSON` that puts them aside and leaves a placeholder. Called for every message; never keeps
// what it is given.

// The binary values of the text that `encode` gave last; undefined if there are none.
export let attached;

// Those of the text that is being written; null when none is.
let gathered = null;

// The JSON text of an array; its binary values are in `attached` until the next call.
export function encode(args) {
  const outer = gathered;
  gathered = undefined;
  try {
    return JSON.stringify(args);
  } finally {
    attached = gathered;
    gathered = outer;
  }
}

// An event begins. What was being written when the engine cut a script off is forgotten.
export function beginWriting() {
  gathered = null;
}

function putAside() {
  const bytes =
    this instanceof ArrayBuffer ? new Uint8Array(this) : new Uint8Array(this.buffer, this.byteOffset, this.byteLength);
  gathered ??= [];
  return { _placeholder: true, num: gathered.push(bytes) - 1 };
}

// Gives a prototype a `toJSON` that is `putAside` while we encode, and else what it was.
function watch(prototype) {
  const own = Object.getOwnPropertyDescriptor(prototype, "toJSON");
  if (own?.get?.isOurs) return;
  const usual = own?.value;
  const get = function () {
    return gathered === null ? usual : putAside;
  };
  get.isOurs = true;
  Object.defineProperty(prototype, "toJSON", {
    configurable: true,
    enumerable: false,
    get,
    set(value) {
      Object.defineProperty(this, "toJSON", { value, writable: true, configurable: true, enumerable: true });
    },
  });
}

// Once, when the classes of the environment are there.
export function watchBinary() {
  watch(ArrayBuffer.prototype);
  watch(DataView.prototype);
  watch(Object.getPrototypeOf(Uint8Array.prototype));
  if (globalThis.Buffer) watch(globalThis.Buffer.prototype);
}

// Arguments with the binary values in place of their placeholders; the array itself is changed.
export function decode(args, attachments) {
  const Buffer = globalThis.Buffer;
  if (Buffer !== undefined) {
    attachments = attachments.map((bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }
  return restore(args, attachments);
}

function restore(value, attachments) {
  if (value === null || typeof value !== "object") return value;
  if (value._placeholder === true) return attachments[value.num];
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = restore(value[i], attachments);
  } else {
    for (const key of Object.keys(value)) value[key] = restore(value[key], attachments);
  }
  return value;
}

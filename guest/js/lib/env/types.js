// util.types: what a value is, whatever it says of itself. Used by whoever shows, compares or copies values.

// Whether a value has the insides of a built-in class, whatever its prototype is.
export function slot(get) {
  return (value) => {
    try {
      get.call(value);
      return true;
    } catch {
      return false;
    }
  };
}
const getter = (prototype, name) => Object.getOwnPropertyDescriptor(prototype, name).get;
export const mapSize = getter(Map.prototype, "size");
export const setSize = getter(Set.prototype, "size");
export const tagOfTyped = getter(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag);
export const rough = (value) => Object.prototype.toString.call(value);

export const types = {
  isMap: slot(mapSize),
  isSet: slot(setSize),
  isDate: slot(Date.prototype.getTime),
  isRegExp: (value) => value instanceof RegExp || rough(value) === "[object RegExp]",
  isNativeError: (value) => rough(value) === "[object Error]" || value instanceof Error,
  isPromise: (value) => value instanceof Promise,
  isWeakMap: (value) => value instanceof WeakMap,
  isWeakSet: (value) => value instanceof WeakSet,
  isArrayBuffer: (value) => value instanceof ArrayBuffer,
  isSharedArrayBuffer: (value) => rough(value) === "[object SharedArrayBuffer]",
  isAnyArrayBuffer: (value) => types.isArrayBuffer(value) || types.isSharedArrayBuffer(value),
  isArrayBufferView: ArrayBuffer.isView,
  isDataView: (value) => value instanceof DataView,
  isTypedArray: (value) => tagOfTyped.call(value) !== undefined,
  isUint8Array: (value) => tagOfTyped.call(value) === "Uint8Array",
  isAsyncFunction: (value) => typeof value === "function" && /^(Async|AsyncGenerator)Function$/.test(rough(value).slice(8, -1)),
  isGeneratorFunction: (value) => typeof value === "function" && /^(Async)?GeneratorFunction$/.test(rough(value).slice(8, -1)),
  isGeneratorObject: (value) => rough(value) === "[object Generator]",
  isMapIterator: (value) => rough(value) === "[object Map Iterator]",
  isSetIterator: (value) => rough(value) === "[object Set Iterator]",
  isModuleNamespaceObject: (value) => rough(value) === "[object Module]",
  isArgumentsObject: (value) => rough(value) === "[object Arguments]",
  isNumberObject: (value) => typeof value === "object" && slot(Number.prototype.valueOf)(value),
  isStringObject: (value) => typeof value === "object" && slot(String.prototype.valueOf)(value),
  isBooleanObject: (value) => typeof value === "object" && slot(Boolean.prototype.valueOf)(value),
  isBigIntObject: (value) => typeof value === "object" && slot(BigInt.prototype.valueOf)(value),
  isSymbolObject: (value) => typeof value === "object" && slot(Symbol.prototype.valueOf)(value),
  isBoxedPrimitive: (value) =>
    types.isNumberObject(value) || types.isStringObject(value) || types.isBooleanObject(value) || types.isBigIntObject(value) || types.isSymbolObject(value),
  isProxy: () => false,
};

export const isError = types.isNativeError;

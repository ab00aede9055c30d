// `using` and `await using`: what was taken is given back in reverse order, errors included.
export default function usingCtx() {
  const taken = [];
  const none = {};
  const suppressed = (error, previous) => {
    if (previous === none) return error;
    if (typeof SuppressedError === "function") return new SuppressedError(error, previous);
    const both = new Error("an error was suppressed while disposing");
    both.name = "SuppressedError";
    both.error = error;
    both.suppressed = previous;
    return both;
  };
  const take = (isAsync, value) => {
    if (value === null || value === undefined) {
      if (isAsync) taken.push({ value: undefined, dispose: undefined, isAsync });
      return value;
    }
    if (Object(value) !== value) throw new TypeError("using: the value is not an object");
    let dispose;
    let isSync = false;
    if (isAsync) dispose = value[Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")];
    if (dispose === undefined || dispose === null) {
      dispose = value[Symbol.dispose ?? Symbol.for("Symbol.dispose")];
      isSync = isAsync;
    }
    if (typeof dispose !== "function") throw new TypeError("using: the object has no Symbol.dispose");
    taken.push({ value, dispose, isAsync, isSync });
    return value;
  };
  return {
    e: none,
    u: (value) => take(false, value),
    a: (value) => take(true, value),
    d() {
      let error = this.e;
      const next = () => {
        let resource;
        while ((resource = taken.pop())) {
          try {
            const { value, dispose, isAsync, isSync } = resource;
            const result = dispose === undefined ? undefined : dispose.call(value);
            if (isAsync) {
              return Promise.resolve(isSync ? undefined : result).then(next, (thrown) => {
                error = suppressed(thrown, error);
                return next();
              });
            }
          } catch (thrown) {
            error = suppressed(thrown, error);
          }
        }
        if (error !== none) throw error;
      };
      return next();
    },
  };
}

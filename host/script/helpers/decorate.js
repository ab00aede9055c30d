// Legacy decorators of TypeScript: the last one written runs first.
export default function decorate(decorators, target, key, description) {
  const isProperty = arguments.length > 2;
  let result = !isProperty
    ? target
    : description === null
      ? Object.getOwnPropertyDescriptor(target, key)
      : description;
  if (typeof Reflect.decorate === "function") {
    result = Reflect.decorate(decorators, target, key, description);
  } else {
    for (let at = decorators.length - 1; at >= 0; at--) {
      const decorator = decorators[at];
      if (!decorator) continue;
      const given = !isProperty
        ? decorator(result)
        : arguments.length > 3
          ? decorator(target, key, result)
          : decorator(target, key);
      result = given || result;
    }
  }
  if (arguments.length > 3 && result) Object.defineProperty(target, key, result);
  return result;
}

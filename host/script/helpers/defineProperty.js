// A field of a class that is defined.
export default function defineProperty(object, key, value) {
  if (key in object) {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[key] = value;
  }
  return object;
}

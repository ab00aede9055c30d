// `emitDecoratorMetadata`: tells a metadata library, if the app has one.
export default function decorateMetadata(key, value) {
  if (typeof Reflect.metadata === "function") return Reflect.metadata(key, value);
}

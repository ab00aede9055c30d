// node:path for paths with slashes. There is no file system: it is about text only, and the folder is always `/`.

import { wrongType } from "./native.js";

function check(path, name = "path") {
  if (typeof path !== "string") throw wrongType(name, "of type string", path);
}

// Without `.`, `..` and empty parts.
function tidy(path, absolute) {
  const parts = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!absolute) parts.push("..");
  }
  return parts.join("/");
}

export const path = {
  sep: "/",
  delimiter: ":",

  normalize(text) {
    check(text);
    if (text === "") return ".";
    const absolute = text.startsWith("/");
    let tidied = tidy(text, absolute);
    if (tidied === "" && !absolute) return text.endsWith("/") ? "./" : ".";
    if (tidied !== "" && text.endsWith("/")) tidied += "/";
    return absolute ? `/${tidied}` : tidied;
  },

  join(...parts) {
    for (const part of parts) check(part);
    const text = parts.filter((part) => part !== "").join("/");
    return text === "" ? "." : path.normalize(text);
  },

  resolve(...parts) {
    let text = "";
    for (let i = parts.length - 1; i >= 0 && !text.startsWith("/"); i--) {
      check(parts[i], `paths[${i}]`);
      if (parts[i] !== "") text = text === "" ? parts[i] : `${parts[i]}/${text}`;
    }
    return `/${tidy(`/${text}`, true)}`;
  },

  isAbsolute(text) {
    check(text);
    return text.startsWith("/");
  },

  relative(from, to) {
    check(from, "from");
    check(to, "to");
    const [a, b] = [from, to].map((each) => path.resolve(each).split("/").filter((part) => part !== ""));
    let same = 0;
    while (same < a.length && same < b.length && a[same] === b[same]) same++;
    return [...a.slice(same).map(() => ".."), ...b.slice(same)].join("/");
  },

  toNamespacedPath: (text) => text,

  dirname(text) {
    check(text);
    if (text === "") return ".";
    const trimmed = text.replace(/\/+$/, "");
    if (trimmed === "") return "/";
    const at = trimmed.lastIndexOf("/");
    if (at < 0) return ".";
    const folder = trimmed.slice(0, at);
    if (folder === "/" && at === 1) return "//";
    return folder === "" ? "/" : folder;
  },

  basename(text, ending) {
    check(text);
    if (ending !== undefined) check(ending, "suffix");
    const name = text.replace(/\/+$/, "").split("/").at(-1);
    return ending !== undefined && name !== ending && name.endsWith(ending) ? name.slice(0, name.length - ending.length) : name;
  },

  extname(text) {
    check(text);
    const name = path.basename(text);
    const at = name.lastIndexOf(".");
    return at <= 0 || name === ".." ? "" : name.slice(at);
  },

  parse(text) {
    check(text);
    const root = text.startsWith("/") ? "/" : "";
    const base = path.basename(text);
    const ext = path.extname(text);
    const trimmed = text.replace(/\/+$/, "");
    const at = trimmed.lastIndexOf("/");
    return {
      root,
      dir: at > 0 ? trimmed.slice(0, at) : root,
      base,
      ext,
      name: base.slice(0, base.length - ext.length),
    };
  },

  format(parts) {
    if (typeof parts !== "object" || parts === null) throw wrongType("pathObject", "of type object", parts);
    const dir = parts.dir || parts.root;
    const ext = parts.ext ? (parts.ext.startsWith(".") ? parts.ext : `.${parts.ext}`) : "";
    const base = parts.base || `${parts.name || ""}${ext}`;
    if (!dir) return base;
    return dir === parts.root ? `${dir}${base}` : `${dir}/${base}`;
  },
};
path.posix = path;
path.default = path;
